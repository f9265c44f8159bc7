import { expect, it } from "vitest";
import { type BinaryServer, freshFolder, startBinary } from "../support/binary.ts";
import { goodProvider, upstream } from "../support/upstream.ts";

const workers = 8;

/** Does something again and again, counting on, until the server is gone. */
async function untilGone(something: (n: number) => Promise<void>): Promise<void> {
  try {
    for (let n = 0; ; n++) await something(n);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
  }
}

/** Writes that the server acknowledged, in order. */
interface Acknowledged {
  /** With their versions. */
  groups: Map<string, number>;
  /** By the ids of their requests. */
  calls: Set<string>;
}

async function work(
  server: BinaryServer,
  bearer: string,
  round: number,
  done: Acknowledged,
  enough: () => void,
) {
  const note = () =>
    done.groups.size >= (round + 1) * 100 && done.calls.size >= (round + 1) * 100 && enough();
  const write = (worker: number) =>
    untilGone(async (n) => {
      const name = `g-${round}-${worker}-${n >> 1}`;
      // Made, then changed.
      const answer =
        n % 2 === 0
          ? await server.admin("POST", "/api/v1/groups", { name })
          : await server.admin("PUT", `/api/v1/groups/${name}`, { members: ["admin"] });
      expect(answer.status).toBe(n % 2 === 0 ? 201 : 200);
      done.groups.set(name, answer.body.version);
      note();
    });
  const ask = (worker: number) =>
    untilGone(async (n) => {
      const body = {
        model: "gpt",
        stream: (n + worker) % 2 === 0,
        messages: [{ role: "user", content: "hi" }],
      };
      const { status, headers, text } = await server.call("POST", "/v1/chat/completions", { bearer, body });
      expect(status).toBe(200);
      // Whole, as the client sees it; one that was cut is no promise.
      if (body.stream ? text.endsWith("data: [DONE]\n\n") : text.endsWith("}"))
        done.calls.add(headers.get("x-request-id")!);
      note();
    });
  await Promise.all(Array.from({ length: workers }, (_, worker) => [write(worker), ask(worker)]).flat());
}

it("has everything it acknowledged after kill -9 under load: writes, and the audit rows of answers", async () => {
  const home = freshFolder();
  const provider = upstream(goodProvider);
  const done: Acknowledged = { groups: new Map(), calls: new Set() };
  let bearer = "";
  for (let round = 0; round < 4; round++) {
    const server = await startBinary({ home });
    expect((await server.call("GET", "/readyz")).status).toBe(200);
    if (round === 0) {
      await server.admin("POST", "/api/v1/llms?probe=false", {
        name: "gpt",
        type: "openai",
        model: "up",
        url: provider.url,
      });
      const grants = [{ role: "run", resource: "llms" }];
      bearer = (await server.admin("POST", "/api/v1/tokens", { name: "t", roleBindings: grants })).body.token;
    }

    const { body: groups } = await server.admin("GET", "/api/v1/groups");
    const versions = new Map<string, number>(
      groups.map(({ name, version }: { name: string; version: number }) => [name, version]),
    );
    const lost = [...done.groups].filter(([name, version]) => (versions.get(name) ?? 0) < version);
    expect(lost).toEqual([]);
    // No more than what was under way has happened unsaid.
    expect(versions.size - done.groups.size).toBeLessThanOrEqual(round * workers);
    const logged = await auditIds(server);
    expect([...done.calls].filter((id) => !logged.has(id))).toEqual([]);
    if (round === 3) break;

    const enough = Promise.withResolvers<void>();
    const working = work(server, bearer, round, done, enough.resolve);
    await Promise.race([enough.promise, working]);
    server.kill("SIGKILL");
    expect(await server.ended).toBe("SIGKILL");
    await working;
  }
  expect(done.groups.size).toBeGreaterThanOrEqual(300);
  expect(done.calls.size).toBeGreaterThanOrEqual(300);
});

/** The request ids of all calls in the log, which is asked for a thousand at a time, newest first. */
async function auditIds(server: BinaryServer): Promise<Set<string>> {
  const ids = new Set<string>();
  for (let until = ""; ; ) {
    const { body } = await server.admin("GET", `/api/v1/audit?action=llm_inference_call&limit=1000${until}`);
    const before = ids.size;
    for (const { requestId } of body) ids.add(requestId);
    if (body.length < 1000 || ids.size === before) return ids;
    // `until` is exclusive, and several may have been at the same millisecond.
    until = `&until=${new Date(Date.parse(body.at(-1).at) + 1).toISOString()}`;
  }
}
