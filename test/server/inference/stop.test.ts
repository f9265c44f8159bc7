import { Database } from "bun:sqlite";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { TestServer } from "../../support/server.ts";
import { type Connection, chatFrames, chunk, lastChunk, streamHead } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { question, withProvider } from "./setup.ts";

const path = "/v1/chat/completions";
const streamed = { ...question, stream: true };
const [, word, finish, done] = chatFrames(["a"], false) as [string, string, string, string];

/** The audit events of calls, read from the store after the server has stopped. */
function recorded(server: TestServer): unknown[] {
  using database = new Database(join(server.folder, "mcpctl.db"), { readonly: true });
  return database.query("select status, error from audit_events where action = 'llm_inference_call'").all();
}

describe("a server that stops", () => {
  it("waits for a stream to end, and accepts no new call", async () => {
    let provider!: Connection;
    const { server, bearer, call } = await withProvider((_, connection) => {
      provider = connection;
      connection.write(streamHead + chunk(word));
    });
    const caller = await postRaw(server.url, bearer, path, streamed);
    await caller.until(word);
    const stopped = server.stop(15_000);
    await expect.poll(() => call("GET", "/v1/models").catch(() => "refused")).toBe("refused");
    provider.write(chunk(finish + done) + lastChunk);
    expect(await caller.ended).toBe(true);
    expect(caller.text).toBe(word + finish + done);
    await stopped;
    expect(recorded(server)).toEqual([{ status: 200, error: null }]);
  });

  it("stops when the last stream has ended, also on a connection that was to be kept (failure mode 296)", async () => {
    const began = Promise.withResolvers<Connection>();
    const { server, bearer } = await withProvider((_, connection) => {
      connection.write(streamHead + chunk(word));
      began.resolve(connection);
    });
    const response = await fetch(server.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify(streamed),
    });
    expect(response.headers.get("connection")).not.toBe("close");
    const stopped = server.stop(3_600_000);
    (await began.promise).write(chunk(finish + done) + lastChunk);
    expect(await response.text()).toBe(word + finish + done);
    await stopped;
  });

  it("ends a stream with one error frame after its timeout", async () => {
    const freed = Promise.withResolvers<void>();
    const { server, bearer } = await withProvider((_, connection) => {
      connection.write(streamHead + chunk(word));
      void connection.closed.then(freed.resolve);
    });
    const caller = await postRaw(server.url, bearer, path, streamed);
    await caller.until(word);
    await server.stop(0);
    await freed.promise;
    expect(await caller.ended).toBe(true);
    const error = {
      message: "the server is shutting down",
      type: "server_error",
      code: "unavailable",
      param: null,
    };
    expect(caller.text).toBe(`${word}data: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n`);
    expect(recorded(server)).toEqual([{ status: 503, error: "unavailable" }]);
  });

  it("answers a call whose provider has not answered with 503, and closes the connection to the provider", async () => {
    const arrived = Promise.withResolvers<void>();
    const freed = Promise.withResolvers<void>();
    const { server, bearer } = await withProvider((_, connection) => {
      void connection.closed.then(freed.resolve);
      arrived.resolve();
    });
    const caller = await postRaw(server.url, bearer, path, question);
    await arrived.promise;
    await server.stop(0);
    await freed.promise;
    expect(await caller.ended).toBe(true);
    expect(caller.text).toContain("the server is shutting down");
    expect(recorded(server)).toEqual([{ status: 503, error: "unavailable" }]);
  });
});
