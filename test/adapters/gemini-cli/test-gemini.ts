import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { createGeminiCli, type GeminiCliOptions } from "../../../src/adapters/gemini-cli/index.ts";
import { redact } from "../../../src/server/core/redact.ts";
import { passes } from "../../support/passes.ts";

export const key = "test-key-0123456789-never-to-be-seen";

/** The PATH with the fake gemini command, and with what it needs. */
export const path = `${import.meta.dirname}/../../support:${dirname(Bun.which("bun")!)}:/usr/bin:/bin`;

const patient = { firstByte: 120_000, silence: 120_000 };

/** Returns the adapter with the fake command, in a folder of the test's own. */
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
  // Runs before the removal of the folder: the last one registered runs first.
  onTestFinished(() => cli.close());
  const file = (name: string) => join(base, name);
  const writtenPids = (name: string) =>
    existsSync(file(name)) ? readFileSync(file(name), "utf8").split("\n").filter(Boolean).map(Number) : [];
  return {
    ...cli,
    base,
    directory,
    file,
    /** Calls the command. The name of the model tells the fake command what to do. */
    call: (model: string, more: Partial<Parameters<typeof cli.run>[0]> = {}) =>
      cli.run({
        body: { model: "m", messages: [{ role: "user", content: "Say hello." }] },
        model,
        apiKey: key,
        timeouts: patient,
        ...more,
      }),
    /** Returns the names of what runs have left in their folder. */
    left: () => (existsSync(directory) ? readdirSync(directory) : []),
    /** Returns the process numbers that a run has written down so far. */
    writtenPids,
    /** Returns the process numbers that a run has written down, once so many are there. */
    pids: (name: string, count: number) =>
      passes(() => {
        const pids = writtenPids(name);
        if (pids.length < count) throw new Error("not all are there");
        return pids;
      }, 5),
  };
}

export const streamed = (content = "Say hello.") => ({
  model: "m",
  stream: true,
  messages: [{ role: "user", content }],
});

/** Returns the parsed frames of a stream, without the [DONE] at its end. */
export function framesOf(text: string): Record<string, unknown>[] {
  const data = text.split("\n\n").filter(Boolean);
  return data.filter((one) => one !== "data: [DONE]").map((one) => JSON.parse(one.slice("data: ".length)));
}

/** Returns the text of a stream. */
export function wordsOf(text: string): string {
  const choices = framesOf(text).flatMap(({ choices }) => choices as { delta: { content?: string } }[]);
  return choices.map(({ delta }) => delta.content ?? "").join("");
}

/** True if a process exists; a zombie exists as long as this process is its parent. */
export function isThere(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  const [state, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return state !== "Z" || Number(parent) === process.pid;
}

/** Waits until a condition holds; fails after a minute. */
export const until = (check: () => boolean) =>
  passes(() => {
    if (!check()) throw new Error("not yet");
  }, 5);
