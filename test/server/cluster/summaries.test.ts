import { expect, it } from "vitest";
import { type McpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";
import { chatAnswer, upstream as llmProvider, reply } from "../../support/upstream.ts";
import { nodes } from "./nodes.ts";

it("one of the nodes asks for the summary of a prompt, and all have it (failure mode 200)", async () => {
  const asked: string[] = [];
  const provider = llmProvider(({ method, body }, connection) => {
    if (method !== "POST") return connection.end(reply(404, {}));
    asked.push(body.messages[1].content.slice(0, 7));
    connection.end(reply(200, chatAnswer("Summary: It is about words.")));
  });
  const [a, b] = (await nodes(["a", "b"])).nodes as [McpTestServer, McpTestServer];
  const llm = { name: "small", type: "openai", url: `${provider.url}/v1`, model: "up", tier: "fast" };
  await must(a.admin("POST", "/api/v1/llms?probe=false", llm));
  await must(a.admin("POST", "/api/v1/projects", { name: "g", proxyModel: "gate", llmProvider: "small" }));
  const names = Array.from({ length: 8 }, (_, i) => `note-${i}`);
  for (const name of names) {
    const content = `${name} ${"word ".repeat(200)}`;
    await must(a.admin("POST", "/api/v1/prompts", { name, project: "g", content }));
  }
  for (const node of [a, b])
    await until(
      async () => {
        const found = await Promise.all(names.map((name) => node.admin("GET", `/api/v1/prompts/${name}`)));
        return found.filter(({ body }) => body?.summary === "It is about words.").length;
      },
      (count) => count === names.length,
    );
  expect(asked.sort()).toEqual(names.map((name) => `${name} `.slice(0, 7)).sort());
});
