import { describe, expect, it } from "vitest";
import { cli } from "../../support/cli/run-cli.ts";
import { must, type TestServer } from "../../support/server.ts";
import { goodProvider, reply, type Script, upstream } from "../../support/upstream.ts";
import { addLlm, canary, lastEvent, question, withProvider } from "./setup.ts";

const chat = "/v1/chat/completions";

const refusing: Script = ({ headers }, connection) => {
  const message = `Incorrect API key provided: ${headers["authorization"]}. You wrote "the secret words of a prompt".`;
  connection.end(reply(401, { error: { message, code: "invalid_api_key" } }));
};
const overloaded: Script = (_, connection) =>
  connection.end(reply(503, { error: { message: "overloaded, come back later" } }));

async function story(server: TestServer, requestId: string | null) {
  const url = { url: `unix://${server.socketPath}` };
  return (await cli(["audit", requestId ?? ""], { server: url })).stdout;
}

describe("the audit event of a call that failed (failure mode 212)", () => {
  it("has the host and the words of the provider for administrators only, and no key (T246)", async () => {
    const { server, call, provider } = await withProvider(refusing);
    const answer = await call("POST", chat, question);
    expect([answer.status, answer.text.includes("Incorrect")]).toEqual([502, false]);
    const { detail } = await lastEvent(server);
    expect(detail).toMatchObject({
      host: new URL(provider.url).host,
      said: 'Incorrect API key provided: Bearer [redacted]. You wrote "…".',
    });
    const auditor = await server.token("auditor", [{ role: "view", resource: "audit" }]);
    const { body, text } = await auditor.call("GET", "/api/v1/audit?action=llm_inference_call");
    expect(body).toHaveLength(1);
    expect(text).not.toMatch(/Incorrect|127\.0\.0\.1|localhost/);
    expect(JSON.stringify(detail)).not.toContain(canary);
  });

  it("has each attempt of a call that needed several, also of one that succeeded", async () => {
    const { server, call } = await withProvider(overloaded, { name: "a", poolName: "pool" });
    const dead = upstream(() => {});
    await addLlm(server, { name: "b", poolName: "pool", url: upstream(goodProvider).url });
    let event = { detail: undefined as undefined | { attempts: object[] }, status: 0 };
    // The members take turns by chance: both orders succeed, only one needs two attempts.
    for (let i = 0; i < 30 && !event.detail; i++) {
      await must(call("POST", chat, { ...question, model: "pool" }));
      event = await lastEvent(server);
    }
    expect(event.status).toBe(200);
    expect(event.detail?.attempts).toEqual([
      {
        llm: "a",
        status: 503,
        error: "provider_error",
        durationMs: expect.any(Number),
        host: expect.any(String),
        said: "overloaded, come back later",
      },
      { llm: "b", status: 200, durationMs: expect.any(Number) },
    ]);
    expect(dead.seen).toEqual([]);
    await must(server.admin("DELETE", "/api/v1/llms/b"));
    const failed = await call("POST", chat, { ...question, model: "pool" });
    expect(failed.status).toBe(503);
    expect((await lastEvent(server)).detail.attempts).toHaveLength(3);
  });

  it("is hidden, with its attempts, from those who may not see a private member that was tried (T52)", async () => {
    const { server, call } = await withProvider(overloaded, { name: "a", poolName: "pool" });
    await addLlm(server, {
      name: "b",
      poolName: "pool",
      url: upstream(overloaded).url,
      visibility: "private",
    });
    await call("POST", chat, { ...question, model: "pool" });
    const auditor = await server.token("auditor", [{ role: "view", resource: "audit" }]);
    await server.user("eve", [{ role: "view", resource: "audit" }]).then(async ({ call }) => {
      const { text } = await call("GET", "/api/v1/audit");
      expect(text).not.toContain('"llm":"b"');
    });
    expect((await auditor.call("GET", "/api/v1/audit?action=llm_inference_call")).body).toHaveLength(1);
  });

  it.each(["nothing", "agent:nobody"])(
    "names the llm or agent %s that was asked for and is not there",
    async (model) => {
      const { server, call } = await withProvider(goodProvider);
      await server.admin("POST", "/api/v1/rbac", {});
      expect((await call("POST", chat, { ...question, model })).status).toBeGreaterThanOrEqual(403);
      expect((await lastEvent(server)).detail).toMatchObject({ asked: model });
    },
  );

  it("keeps a long name short, and no key in it", async () => {
    const { server, call } = await withProvider(goodProvider);
    await call("POST", chat, { ...question, model: `${canary} ${"x".repeat(300)}` });
    const { asked } = (await lastEvent(server)).detail;
    expect(asked).toMatch(/^\[redacted\] x{50,100}…$/);
  });
});

describe("a call that the rights of its caller do not allow", () => {
  it("is recorded with what was asked for; a write or a read of the catalogue is not", async () => {
    const { server } = await withProvider(goodProvider);
    const { call } = await server.user("eve", [{ role: "view", resource: "llms" }]);
    const denied = await call("POST", chat, question);
    const others = [await call("DELETE", "/api/v1/llms/gpt"), await call("GET", "/v1/models?x=1")];
    expect([denied, ...others].map(({ status }) => status)).toEqual([403, 403, 403]);
    const events = (await must(server.admin("GET", "/api/v1/audit?action=denied"))).body;
    expect(events).toMatchObject([
      {
        user: "eve",
        status: 403,
        error: "forbidden",
        requestId: denied.headers.get("x-request-id"),
        detail: { asked: `POST ${chat}` },
      },
    ]);
    expect(events).toHaveLength(1);
  });

  it("is recorded once where the call itself is recorded", async () => {
    const { server } = await withProvider(goodProvider);
    await addLlm(server, { name: "other" });
    const { call } = await server.user("eve", [{ role: "run", resource: "llms", name: "other" }]);
    expect((await call("POST", chat, question)).status).toBe(403);
    const events = (await must(server.admin("GET", "/api/v1/audit?user=eve"))).body;
    expect(events.filter(({ status }: { status: number }) => status === 403)).toMatchObject([
      { action: "llm_inference_call", detail: { asked: "gpt" } },
    ]);
  });
});

describe("mcpctl audit REQUEST-ID", () => {
  it("tells who made a call, by which rules, and how it ended", async () => {
    const { server } = await withProvider(goodProvider);
    await must(server.admin("POST", "/api/v1/groups", { name: "devs", members: [] }));
    const { call } = await server.user("alice");
    await must(server.admin("PUT", "/api/v1/groups/devs", { members: ["alice"] }));
    const roleBindings = [{ role: "run", resource: "llms", name: "gpt" }];
    await must(
      server.admin("POST", "/api/v1/rbac", {
        name: "devs",
        subjects: [{ kind: "Group", name: "devs" }],
        roleBindings,
      }),
    );
    const { headers } = await must(call("POST", chat, question));
    const told = await story(server, headers.get("x-request-id"));
    expect(told).toMatch(/^Caller: +alice$/m);
    expect(told).toMatch(/^Target: +gpt \(model up, chat\)$/m);
    expect(told).toMatch(/^Allowed by: +rbac\/devs: run:llms:gpt for group\/devs$/m);
    expect(told).toMatch(/^Tokens: +7 in, 2 out$/m);
    expect(told).toMatch(/^Cost: +unpriced$/m);
    expect(told).toMatch(/^Result: +200$/m);
    // Somebody with too few rights to see the binding does not learn of it.
    const auditor = await server.token("auditor", [{ role: "view", resource: "audit" }]);
    const { body } = await auditor.call("GET", `/api/v1/audit?request=${headers.get("x-request-id")}`);
    expect(body).toMatchObject([{ user: "alice", rules: [] }]);
    await must(server.admin("PUT", "/api/v1/rbac/devs", { roleBindings: [] }));
    expect(await story(server, headers.get("x-request-id"))).toMatch(
      /^Allowed by: +no rule that you can see/m,
    );
  });

  it("tells the reason of a failure, and fails for an id that it does not know", async () => {
    const { server, call } = await withProvider(refusing);
    const { headers } = await call("POST", chat, question);
    const told = await story(server, headers.get("x-request-id"));
    expect(told).toMatch(/^Provider said: +Incorrect API key provided: Bearer \[redacted\]/m);
    expect(told).toMatch(/^Result: +502 provider_rejected_credential$/m);
    const url = { url: `unix://${server.socketPath}` };
    const unknown = await cli("audit --request req_none", { server: url });
    expect([unknown.code, unknown.stderr]).toEqual([
      3,
      expect.stringContaining('no event of the request "req_none"'),
    ]);
  });
});
