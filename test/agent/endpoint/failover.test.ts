import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  chatAnswer,
  chatFrames,
  chunk,
  reply,
  type Script,
  type Seen,
  streamHead,
} from "../../support/upstream.ts";
import { down, testProviders } from "./local-providers.ts";

/** Starts a proxy between endpoint and server that counts requests and can respond itself. */
function between(answer: (request: Request) => Response | Promise<Response>) {
  const seen: { method: string; path: string; authorization: string | null }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      seen.push({
        method: request.method,
        path: pathname,
        authorization: request.headers.get("authorization"),
      });
      return answer(request);
    },
  });
  onTestFinished(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}`, seen };
}

describe("a local provider with failoverFor", () => {
  it("responds when the server cannot, names itself in a header, and gets its own model name", async () => {
    const { ask, nearby, logged } = await testProviders(down);
    const answer = await ask();
    expect([answer.status, answer.headers.get("x-mcpctl-failover")]).toEqual([200, "desk"]);
    expect(await answer.json()).toEqual(chatAnswer("from this machine"));
    expect(nearby.seen.map(({ body }: Seen) => body.model)).toEqual(["qwen"]);
    expect(nearby.seen[0]!.headers["authorization"]).toBeUndefined();
    expect(logged).toEqual(["desk responds for gpt, which the server cannot reach"]);
  });

  it("responds in the caller's dialect, also streamed", async () => {
    const { url, bearer } = await testProviders(down);
    const client = new Anthropic({ apiKey: bearer, baseURL: url.replace("/v1", ""), maxRetries: 0 });
    const stream = client.messages.stream({
      model: "gpt",
      max_tokens: 9,
      messages: [{ role: "user", content: "hi" }],
    });
    expect(await stream.finalText()).toBe("from here");
    const whole = await client.messages.create({
      model: "gpt",
      max_tokens: 9,
      messages: [{ role: "user", content: "hi" }],
    });
    expect(whole.content).toMatchObject([{ type: "text", text: "from this machine" }]);
  });

  it("does not respond for another llm, and not when the server responds with 4xx", async () => {
    const { ask, nearby } = await testProviders(down);
    expect((await ask({ model: "other" })).status).toBe(404);
    expect((await ask({ messages: [] })).status).toBe(400);
    expect(nearby.seen).toEqual([]);
    const odd = await testProviders((_, connection) =>
      connection.write(reply(429, { error: { message: "slow" } })),
    );
    expect((await odd.ask()).status).toBe(429);
    expect(odd.nearby.seen).toEqual([]);
  });

  it("leaves the server's error when it fails too", async () => {
    const { ask, logged } = await testProviders(down, { nearby: down });
    const answer = await ask();
    expect([answer.status, answer.headers.get("x-mcpctl-failover")]).toEqual([503, null]);
    expect(await answer.text()).toContain("down");
    expect(logged).toEqual(["desk could not respond for gpt: the provider desk responded with 503"]);
  });

  it("does not respond once a byte of the server's response has arrived", async () => {
    const cut: Script = (_, connection) => {
      connection.write(streamHead + chunk(chatFrames(["a"], false)[1]!));
      connection.reset();
    };
    const { ask, nearby } = await testProviders(cut);
    const answer = await ask({ stream: true });
    expect(await answer.text()).toContain('"error"');
    expect(nearby.seen).toEqual([]);
  });

  it("responds to callers who may only run the llm", async () => {
    const { ask, nearby } = await testProviders(down, { grants: [{ role: "run", resource: "llms" }] });
    expect((await ask()).status).toBe(200);
    expect(nearby.seen).toHaveLength(1);
  });

  const refusals: Record<string, () => Response | Promise<Response>> = {
    "401": () => new Response(null, { status: 401 }),
    "403": () => new Response(null, { status: 403 }),
    "404": () => new Response(null, { status: 404 }),
    "500": () => new Response(null, { status: 500 }),
    "a redirect": () => new Response(null, { status: 302, headers: { location: "/yes" } }),
    "nothing in time": () => new Promise<Response>(() => {}),
  };
  it.each(Object.entries(refusals))(
    "does not respond when the server's check of the right gives %s (failure mode 65)",
    async (_, probe) => {
      const { url, seen } = between((request) =>
        request.method === "HEAD" ? probe() : new Response("busy", { status: 503 }),
      );
      const { ask, nearby, bearer } = await testProviders(down, { through: url });
      const answer = await ask();
      expect([answer.status, await answer.text()]).toEqual([503, "busy"]);
      expect(nearby.seen).toEqual([]);
      // The server was asked once, with the caller's bearer and for this llm (failure mode 66).
      expect(seen.slice(1)).toEqual([
        { method: "HEAD", path: "/api/v1/llms/gpt", authorization: `Bearer ${bearer}` },
      ]);
    },
  );

  it("does not respond when the server cannot be reached at all", async () => {
    const gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const dead = `http://127.0.0.1:${gone.port}`;
    gone.stop(true);
    const { ask, nearby } = await testProviders(down, { through: dead });
    const answer = await ask();
    expect([answer.status, (await answer.json()).error.message]).toEqual([
      502,
      "the mcpctl server cannot be reached: the connection was refused",
    ]);
    expect(nearby.seen).toEqual([]);
  });

  it.each(["../users/admin", "gpt?x=1", "GPT", "a/b"])(
    "is not checked at the server with the name %s in a path",
    async (model) => {
      const { url, seen } = between(() => new Response("busy", { status: 503 }));
      const { ask, nearby } = await testProviders(down, { through: url, config: { failoverFor: model } });
      expect((await ask({ model })).status).toBe(503);
      expect(seen.map(({ method }) => method)).toEqual(["POST"]);
      expect(nearby.seen).toEqual([]);
    },
  );

  it("checks the right for each call, so that a right that is taken away is gone at once", async () => {
    let allowed = 204;
    const { url } = between((request) =>
      request.method === "HEAD"
        ? new Response(null, { status: allowed })
        : new Response("busy", { status: 503 }),
    );
    const { ask } = await testProviders(down, { through: url });
    expect((await ask()).status).toBe(200);
    allowed = 404;
    expect((await ask()).status).toBe(503);
  });
});
