import { join } from "node:path";
import { expect, it } from "vitest";
import { must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { canary, lastEvent } from "./setup.ts";

const command = join(import.meta.dirname, "../../support/gemini");
const messages = [{ role: "user", content: "Hi" }];

/** A server with an llm that runs a stand-in for the gemini command. The model name selects its behaviour. */
async function withCommand(mode: string) {
  const folder = temporaryFolder();
  const commands = { command, path: process.env["PATH"] ?? "", directory: join(folder, "gemini", "runs") };
  const server = await testServer({ folder, commands });
  await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: canary } }));
  const llm = { name: "gem", type: "gemini-cli", model: mode, apiKeyRef: { name: "key", key: "k" } };
  const { body } = await must(server.admin("POST", "/api/v1/llms", llm));
  const { call } = await server.token("t", [{ role: "run", resource: "llms" }]);
  return { server, call, probe: body.probe };
}

it("llms of type gemini-cli answer in every dialect, streamed or not, and their calls are recorded", async () => {
  const { server, call, probe } = await withCommand("words:Hel_lo");
  expect(probe.ok).toBe(true);
  const chat = await must(call("POST", "/v1/chat/completions", { model: "gem", messages }));
  expect(chat.body.choices[0].message.content.length).toBeGreaterThan(0);
  expect(await lastEvent(server)).toMatchObject({ type: "gemini-cli", status: 200, promptTokens: 11 });
  const said = chat.body.choices[0].message.content;
  const stream = await must(call("POST", "/v1/chat/completions", { model: "gem", messages, stream: true }));
  expect(stream.text).toContain("data: [DONE]");
  expect(stream.text).not.toContain('"usage":{');
  const claude = await must(call("POST", "/v1/messages", { model: "gem", messages, max_tokens: 99 }));
  expect(claude.body.content).toEqual([{ type: "text", text: said }]);
  const responses = await must(call("POST", "/v1/responses", { model: "gem", input: "Hi" }));
  expect(responses.body.output[0].content[0].text).toBe(said);
  expect(JSON.stringify(server.logged)).not.toContain(canary);
});

it("llms of type gemini-cli refuse unsupported fields by name, and have no url", async () => {
  const { server, call } = await withCommand("words:Hel_lo");
  const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
  const refused = await call("POST", "/v1/chat/completions", { model: "gem", messages, tools });
  expect([refused.status, refused.body.error.message]).toEqual([400, expect.stringContaining("tools")]);
  expect((await call("POST", "/v1/embeddings", { model: "gem", input: "Hi" })).status).toBe(400);
  const { status, body } = await server.admin("PUT", "/api/v1/llms/gem", { url: "http://127.0.0.1:1" });
  expect([status, body.details[0].path]).toEqual([400, "/url"]);
});

it("llms of type gemini-cli are refused by a server without a folder for commands", async () => {
  const server = await testServer();
  const { body } = await must(
    server.admin("POST", "/api/v1/llms", { name: "gem", type: "gemini-cli", model: "m" }),
  );
  expect(body.probe).toEqual({ ok: false, message: "this server runs no commands" });
  const { status } = await server.admin("POST", "/api/v1/llms/gem/infer", { messages });
  expect(status).toBe(501);
});
