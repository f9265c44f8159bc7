import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { createGeminiCli, type GeminiCliOptions } from "../../../src/adapters/gemini-cli/index.ts";
import { redact } from "../../../src/server/core/redact.ts";

export const key = "test-key-0123456789-never-to-be-seen";

/** Where the stand-in is, and what it needs. */
export const path = `${import.meta.dirname}/../../support:${dirname(Bun.which("bun")!)}:/usr/bin:/bin`;

const patient = { firstByte: 15_000, silence: 15_000 };

/** The adapter at work on the stand-in, in a directory of the test's own. */
export function gemini(options: Partial<GeminiCliOptions> = {}) {
  const base = mkdtempSync(join(tmpdir(), "gemini-test-"));
  onTestFinished(() => rmSync(base, { recursive: true }));
  const directory = join(base, "runs");
  let ids = 0;
  const cli = createGeminiCli({
    path,
    directory,
    redact,
    now: () => 1_700_000_000_000,
    randomId: () => `id${++ids}`,
    ...options,
  });
  // The last one said comes first.
  onTestFinished(() => cli.close());
  const file = (name: string) => join(base, name);
  return {
    ...cli,
    base,
    directory,
    file,
    /** One call. The model says what the stand-in is to do. */
    call: (model: string, more: Partial<Parameters<typeof cli.run>[0]> = {}) =>
      cli.run({
        body: { model: "m", messages: [{ role: "user", content: "Say hello." }] },
        model,
        apiKey: key,
        timeouts: patient,
        ...more,
      }),
    /** What runs left in their directory. */
    left: () => (existsSync(directory) ? readdirSync(directory) : []),
    /** The numbers that a run noted, once they are all there. */
    pids: (name: string, count: number) =>
      vi.waitFor(
        () => {
          // The file may be there before its first line.
          const pids = readFileSync(file(name), "utf8").split("\n").filter(Boolean).map(Number);
          if (pids.length < count) throw new Error("not all are there");
          return pids;
        },
        { timeout: 10_000, interval: 5 },
      ),
  };
}

export const streamed = (content = "Say hello.") => ({
  model: "m",
  stream: true,
  messages: [{ role: "user", content }],
});

/** The parsed frames of a stream, and what ended it. */
export function framesOf(text: string): Record<string, unknown>[] {
  const data = text.split("\n\n").filter(Boolean);
  return data.filter((one) => one !== "data: [DONE]").map((one) => JSON.parse(one.slice("data: ".length)));
}

/** The words of a stream. */
export function wordsOf(text: string): string {
  const choices = framesOf(text).flatMap(({ choices }) => choices as { delta: { content?: string } }[]);
  return choices.map(({ delta }) => delta.content ?? "").join("");
}

/** Whether a process is there. A zombie is, unless it waits for somebody other than this process to bury it. */
export function isThere(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  const [state, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return state !== "Z" || Number(parent) === process.pid;
}

/** Waits for something to come true. */
export const until = (check: () => boolean) =>
  vi.waitFor(
    () => {
      if (!check()) throw new Error("not yet");
    },
    { timeout: 10_000, interval: 5 },
  );
