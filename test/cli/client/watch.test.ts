import { describe, expect, it } from "vitest";
import { ApiClient } from "../../../src/cli/client/client.ts";
import { changesOf, type ObjectChange } from "../../../src/cli/client/watch.ts";
import type { Resource } from "../../../src/kinds/define.ts";
import { kindOf } from "../../../src/kinds/index.ts";
import { failure, fakeApi, llms } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

const [claude, qwen] = llms as [Resource, Resource];

function frames(...events: [event: string, id: number | undefined, data: unknown][]): string {
  return events
    .map(
      ([event, id, data]) =>
        `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`,
    )
    .join("");
}

/** Each connection gets the next body or response. After the last one connections stay silent. */
function streams(...answers: (string | (() => Response))[]) {
  const left = [...answers];
  return fakeApi({
    "GET /api/v1/llms": () => {
      const next = left.shift();
      if (typeof next === "function") return next();
      const body = next ?? new ReadableStream({ start: (controller) => controller.enqueue(": quiet\n\n") });
      return new Response(body as BodyInit, { headers: { "content-type": "text/event-stream" } });
    },
  });
}

/** The first batches of changes, without waiting between connections. */
async function take(
  server: { url: string },
  count: number,
): Promise<{ batches: ObjectChange[][]; pauses: number[] }> {
  const stop = new AbortController();
  const pauses: number[] = [];
  const batches: ObjectChange[][] = [];
  const client = new ApiClient({ url: server.url });
  for await (const batch of changesOf(
    client,
    kindOf("llm"),
    stop.signal,
    async (attempt) => void pauses.push(attempt),
  )) {
    batches.push(batch);
    if (batches.length === count) break;
  }
  stop.abort();
  return { batches, pauses };
}

const brief = (changes: ObjectChange[]) => changes.map(({ type, object }) => `${type} ${object.name}`);

describe("changesOf and get -w", () => {
  it("yield all objects as one batch, then each change", async () => {
    const server = streams(
      frames(
        ["added", 1, claude],
        ["added", 2, qwen],
        ["synced", 2, {}],
        ["modified", 3, { ...claude, tier: "fast" }],
        ["deleted", 4, { id: qwen.id, name: qwen.name }],
      ),
    );
    const { batches } = await take(server, 3);
    expect(batches.map(brief)).toEqual([
      ["added claude", "added qwen-alice"],
      ["modified claude"],
      ["deleted qwen-alice"],
    ]);
    expect(batches[2]![0]!.object).toMatchObject({ model: qwen["model"] });
  });

  it("continue after a lost connection without gaps", async () => {
    const server = streams(
      frames(["added", 1, claude], ["synced", 7, {}]),
      () => failure(503, "unavailable", "starting"),
      frames(["modified", 8, { ...claude, tier: "fast" }]),
    );
    const { batches, pauses } = await take(server, 2);
    expect(batches.map(brief)).toEqual([["added claude"], ["modified claude"]]);
    expect(server.requests).toEqual([
      "GET /api/v1/llms?watch=1",
      "GET /api/v1/llms?watch=1&since=7",
      "GET /api/v1/llms?watch=1&since=7",
    ]);
    expect(pauses).toEqual([0, 1]);
  });

  it("list again after 410 and yield only the differences", async () => {
    const server = streams(
      frames(["added", 1, claude], ["added", 1, qwen], ["synced", 1, {}]),
      () => failure(410, "watch_expired", "too old"),
      frames(
        ["added", 9, { ...claude, tier: "fast" }],
        ["added", 9, { ...claude, id: "llm_new", name: "new" }],
        ["synced", 9, {}],
      ),
      frames(["modified", 10, claude]),
    );
    const { batches } = await take(server, 3);
    expect(batches.slice(1).map(brief)).toEqual([
      ["deleted qwen-alice", "modified claude", "added new"],
      ["modified claude"],
    ]);
    expect(server.requests.at(-1)).toBe("GET /api/v1/llms?watch=1&since=9");
  });

  it("start again if the connection is lost within the list, and yield nothing twice", async () => {
    const server = streams(
      frames(["added", 1, claude]),
      frames(["added", 1, claude], ["added", 2, qwen], ["synced", 2, {}]),
    );
    const { batches } = await take(server, 1);
    expect(batches.map(brief)).toEqual([["added claude", "added qwen-alice"]]);
    expect(server.requests).toEqual(["GET /api/v1/llms?watch=1", "GET /api/v1/llms?watch=1"]);
  });

  it("stop if the first connection fails, or the right to view is gone", async () => {
    const refused = streams(() => failure(403, "forbidden", "you may not view llms"));
    await expect(take(refused, 1)).rejects.toMatchObject({ code: "forbidden" });
    const revoked = streams(frames(["synced", 1, {}]), () => failure(401, "unauthenticated", "log in"));
    await expect(take(revoked, 2)).rejects.toMatchObject({ code: "unauthenticated" });
    const gone = streams();
    await gone.stop();
    await expect(take(gone, 1)).rejects.toMatchObject({ code: "connection_failed" });
  });

  it.each([
    ["table", /^NAME .*\nclaude .*\nclaude \(deleted\) .*\n$/],
    ["json", /^\{"type":"added","object":\{.*\}\}\n\{"type":"deleted",.*\}\n$/],
    ["name", /^llm\/claude\n$/],
  ])("print %s until Ctrl-C", async (format, expected) => {
    const interrupt = new AbortController();
    let connections = 0;
    const server = fakeApi({
      "GET /api/v1/llms": () => {
        if (connections++ > 0) interrupt.abort();
        const body = frames(
          ["added", 1, claude],
          ["added", 1, qwen],
          ["synced", 1, {}],
          ["deleted", 2, { id: claude.id, name: "claude" }],
        );
        return new Response(body);
      },
    });
    const { code, stdout, stderr } = await cli(["get", "llms", "claude", "-w", "-o", format], {
      server,
      signal: interrupt.signal,
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    expect(stdout).toMatch(expected);
    expect(stdout).not.toContain("qwen-alice");
  });

  it.each(["get llms -w", "audit -w", "chat-llm claude -m hi --direct"])(
    "end with 6 when the time of --timeout is over: %s (failure mode 87)",
    async (line) => {
      const quiet = () =>
        new Response(new ReadableStream({ start: (pipe) => pipe.enqueue(": quiet\n\n") }), {
          headers: { "content-type": "text/event-stream" },
        });
      const routes = ["GET /api/v1/llms", "GET /api/v1/audit", "POST /v1/chat/completions"];
      for (const answer of [quiet, () => new Promise(() => {})]) {
        const server = fakeApi(Object.fromEntries(routes.map((route) => [route, answer])));
        const { code, stdout, stderr } = await cli(`${line} --timeout 60ms`, { server });
        expect({ code, stdout }).toEqual({ code: 6, stdout: "" });
        expect(stderr).toMatch(/^error: (the time of --timeout is over|.* did not respond in time)\n$/);
      }
    },
  );

  it("stop at an event that is no object, and do not connect again (T109)", async () => {
    for (const frame of ["data: {", "data: 5", `data: ${JSON.stringify({ ...claude, name: "../x" })}`]) {
      const server = streams(`event: added\n${frame}\n\n`);
      await expect(take(server, 1)).rejects.toThrow("unexpected answer from the server");
      expect(server.requests).toHaveLength(1);
    }
    const endless = streams(`event: added\ndata: ${"x".repeat(9 * 1024 * 1024)}\n\n`);
    await expect(take(endless, 1)).rejects.toThrow("too large");
  });

  it("follow one kind at a time", async () => {
    const server = streams();
    expect((await cli("get llms,secrets -w", { server })).code).toBe(2);
    expect(server.requests).toEqual([]);
  });
});
