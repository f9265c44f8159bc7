import { describe, expect, it } from "vitest";
import { newId } from "../../../src/server/ids.ts";
import { openStore } from "../../../src/server/store/index.ts";
import type { Row } from "../../../src/server/store/types.ts";
import { type Client, must, type TestServer, temporaryFolder, testServer, told } from "../../support/server.ts";
import { goodProvider, upstream } from "../../support/upstream.ts";

const messages = [{ role: "user", content: "hi" }];
const fields = { type: "openai", model: "up" };

/** All that one can ask about an llm by a name or id, reads before writes. */
const questions: ((call: Client, llm: string) => ReturnType<Client>)[] = [
  (call, llm) => call("GET", `/api/v1/llms/${llm}`),
  (call, llm) => call("HEAD", `/api/v1/llms/${llm}`),
  (call, llm) => call("GET", `/api/v1/llms/${llm}/members`),
  (call, llm) => call("GET", `/api/v1/llms?name=${llm}`),
  (call) => call("GET", "/api/v1/llms"),
  (call) => call("GET", "/api/v1/llms?limit=1"),
  (call) => call("GET", "/api/v1/llms?limit=1&cursor=g/"),
  (call) => call("GET", "/v1/models"),
  (call, llm) => call("GET", `/v1/models/${llm}`),
  (call, llm) => call("POST", `/api/v1/llms/${llm}/infer`, { messages }),
  (call, llm) => call("POST", "/v1/chat/completions", { model: llm, messages }),
  (call, llm) => call("POST", "/v1/messages", { model: llm, messages, max_tokens: 9 }),
  (call, llm) => call("POST", "/v1/embeddings", { model: llm, input: "hi" }),
  ...["view", "update", "delete", "run", "expose"].map(
    (verb) => (call: Client, llm: string) =>
      call("POST", "/api/v1/auth/can-i", { verb, resource: "llms", name: llm }),
  ),
  (call, llm) => call("PUT", `/api/v1/llms/${llm}`, { description: "mine" }),
  (call, llm) => call("DELETE", `/api/v1/llms/${llm}`),
  (call, llm) =>
    call("POST", "/api/v1/tokens", { name: `for-${llm}`.slice(0, 9), roleBindings: [{ role: "view", resource: "llms", name: llm }] }),
];

async function answers(call: Client, llm: string): Promise<unknown[]> {
  const got: unknown[] = [];
  for (const ask of questions) got.push(told(await ask(call, llm)));
  return got;
}

const standings: Record<string, object[]> = {
  "who holds all roles on the kind": ["edit", "run", "expose"].map((role) => ({ role, resource: "llms" })),
  "who may only view the kind": [{ role: "view", resource: "llms" }],
  "who may only run the kind": [{ role: "run", resource: "llms" }],
  "who holds another one by name": [
    { role: "edit", resource: "llms", name: "green" },
    { role: "run", resource: "llms", name: "green" },
  ],
  "who holds nothing on it": [{ role: "view", resource: "projects" }],
};

describe("a private llm", () => {
  it.each(Object.entries(standings))("is as good as missing for one %s (T52)", async (_, grants) => {
    const server = await testServer();
    const provider = upstream(goodProvider);
    await must(server.admin("POST", "/api/v1/llms?probe=false", { name: "green", ...fields, url: provider.url }));
    const { call } = await server.token("asker", [...grants, { role: "create", resource: "tokens" }]);
    const missing = "llm_00000000000000000000000000";

    const before = { byName: await answers(call, "hidden"), byId: await answers(call, missing) };
    // The row of another user: over the Unix socket everything is the administrator's.
    const row = { name: "hidden", ...fields, url: provider.url, visibility: "private", poolName: "green" };
    const { body } = await must(server.admin("POST", "/api/v1/llms?probe=false", row));
    if (grants.length > 1) await must(server.admin("PUT", "/api/v1/llms/green", { description: "" }));

    const mine = server.as(call === undefined ? undefined : undefined);
    expect(mine).toBeDefined();
    const after = { byName: await answers(call, "hidden"), byId: await answers(call, body.id) };
    expect(after.byName).toEqual(before.byName);
    expect(JSON.parse(JSON.stringify(after.byId).replaceAll(body.id, missing))).toEqual(before.byId);
    expect(JSON.stringify(after.byId)).not.toContain("hidden");
    expect(provider.seen).toEqual([]);
  });
});
