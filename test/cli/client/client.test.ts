import { describe, expect, it } from "vitest";
import { versionAnswer } from "../../../src/cli/client/account-answers.ts";
import { anything, listOf } from "../../../src/cli/client/answers.ts";
import { ApiClient } from "../../../src/cli/client/client.ts";
import { kindOf } from "../../../src/kinds/index.ts";
import { failure, fakeApi, llms } from "../../support/cli/fake-api.ts";
import { errorOf } from "../../support/error-of.ts";

const never = () => new Promise(() => {});
const liveness = { first: 5, next: 5 };

/** A server that has vanished: whatever is asked, nothing comes back until it is aborted. */
const vanished = ((_: URL, { signal }: RequestInit) =>
  new Promise((_, reject) =>
    signal!.addEventListener("abort", () => reject(signal!.reason)),
  )) as typeof fetch;

describe("the client", () => {
  it("refuses an answer of another shape, and takes none where one is needed (T109)", async () => {
    const server = fakeApi({ "GET /a": { version: 5 }, "GET /b": undefined, "GET /c": new Response("<p>") });
    const client = new ApiClient(server);
    for (const [path, why] of [
      ["/a", "/commit is missing"],
      ["/b", "it is not JSON"],
      ["/c", "it is not JSON"],
    ])
      expect(await errorOf(client.call("GET", path!, { answer: versionAnswer }))).toMatchObject({
        message: `unexpected answer from the server: ${why}`,
        exitCode: 1,
      });
    expect(await client.call("GET", "/b", { answer: anything })).toBeUndefined();
  });

  it("reads an answer in pieces, with characters that are cut between them", async () => {
    const bytes = new TextEncoder().encode(JSON.stringify([{ ...llms[0], description: "für 👩‍🚀" }]));
    const body = new ReadableStream({
      async pull(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const client = new ApiClient(fakeApi({ "GET /x": new Response(body) }));
    const [llm] = await client.call("GET", "/x", { answer: listOf(kindOf("llm")) });
    expect(llm).toMatchObject({ name: "claude", description: "für 👩‍🚀" });
  });

  it("takes codes that a server sends, and none of the command line's own (T109)", async () => {
    const codes = ["conflict", "interrupted", "usage", "timed_out", "connection_failed", "toString"];
    const server = fakeApi(
      Object.fromEntries(codes.map((code) => [`GET /${code}`, () => failure(409, code, "x")])),
    );
    const client = new ApiClient(server);
    for (const code of codes)
      expect(await errorOf(client.call("GET", `/${code}`, { answer: anything }))).toMatchObject({
        code: "conflict",
      });
  });

  it("waits for a retry-after of some minutes at most (T109)", async () => {
    const waits = ["1e9", "-5", "soon", "7"];
    const server = fakeApi(
      Object.fromEntries(
        waits.map((wait) => [
          `GET /${wait}`,
          () => Response.json({ error: "x" }, { status: 429, headers: { "retry-after": wait } }),
        ]),
      ),
    );
    const found = await Promise.all(
      waits.map((wait) => errorOf(new ApiClient(server).call("GET", `/${wait}`, { answer: anything }))),
    );
    expect(found.map((error) => (error as { retryAfter?: number }).retryAfter)).toEqual([
      600,
      undefined,
      undefined,
      7,
    ]);
  });

  it("gives up a call or a stream whose server has vanished (failure mode 87)", async () => {
    const client = new ApiClient({ url: "http://h:1" }, { fetch: vanished, timeout: 20 });
    expect(await errorOf(client.call("GET", "/x", { answer: anything }))).toMatchObject({
      code: "timed_out",
    });
    expect(await errorOf(client.stream("GET", "/x"))).toMatchObject({ code: "timed_out" });
    let asked = 0;
    const server = fakeApi({
      "GET /x": never,
      "GET /begun": () => new Response(new ReadableStream({ start: (pipe) => pipe.enqueue("a") })),
      "GET /healthz": () => {
        asked++;
        throw new Error("no response");
      },
    });
    const gone = (async (url: URL, init: RequestInit) => {
      if (url.pathname !== "/healthz") return fetch(url, init);
      asked++;
      throw new TypeError("no route to host");
    }) as typeof fetch;
    const waiting = new ApiClient(server, { fetch: gone, liveness });
    expect(await errorOf(waiting.call("GET", "/x", { answer: anything, unlimited: true }))).toMatchObject({
      code: "timed_out",
    });
    const read = async () => {
      let text = "";
      for await (const bytes of await waiting.stream("GET", "/begun"))
        text += new TextDecoder().decode(bytes);
      return text;
    };
    expect(await errorOf(read())).toMatchObject({ code: "timed_out" });
    expect(asked).toBeGreaterThanOrEqual(4);
  });

  it("waits on for a server that works long and still responds (failure mode 87)", async () => {
    let asked = 0;
    const done = Promise.withResolvers<object>();
    const server = fakeApi({
      "POST /slow": () => done.promise,
      "GET /healthz": () => {
        if (++asked === 4) done.resolve({ ok: true });
        return new Response("ok");
      },
    });
    const client = new ApiClient(server, { liveness });
    expect(await client.call("POST", "/slow", { answer: anything, unlimited: true })).toEqual({ ok: true });
    expect(server.tokens.every((token) => token === "")).toBe(true);
  });
});
