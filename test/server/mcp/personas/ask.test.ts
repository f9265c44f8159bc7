import { describe, expect, it } from "vitest";
import { must } from "../../../support/server.ts";
import { watchKind } from "../../../support/watch.ts";
import { said, usualTools, withTools } from "../../inference/personas/tools/setup.ts";
import { events } from "../../inference/setup.ts";

const run = (resource: string, name?: string) => ({ role: "run", resource, ...(name && { name }) });

/** The persona `helper` in the project `p`, which offers it and `other` to its MCP clients. */
async function withAgents(setup: Parameters<typeof withTools>[0]) {
  const server = await withTools({ agent: { description: "Knows sums." }, ...setup });
  const other = { name: "other", llm: "gpt", systemPrompt: "I am other.", project: "p" };
  await must(server.admin("POST", "/api/v1/agents", other));
  await must(server.admin("PUT", "/api/v1/projects/p", { agents: ["helper", "other"] }));
  return server;
}
const names = (tools: { name: string }[]) => tools.map(({ name }) => name);

describe("the personas of a project, for its MCP clients", () => {
  it.each(["legacy", "modern"] as const)("are tools with the persona's description (%s)", async (era) => {
    const server = await withAgents({
      turns: [{ calls: [{ name: "add", args: { a: 1, b: 2 } }] }, { text: "It is 3." }],
    });
    const client = await server.client(era, { bearer: server.caller });
    const { tools } = await client.listTools();
    expect(names(tools)).toEqual(["add", "greet", "ask_helper", "ask_other"]);
    expect(tools[2]).toMatchObject({ description: "Knows sums.", inputSchema: { required: ["message"] } });
    const progress: unknown[] = [];
    const answer = await client.callTool(
      { name: "ask_helper", arguments: { message: "1 + 2?" } },
      { onprogress: (one) => void progress.push(one) },
    );
    expect(answer.content).toEqual([{ type: "text", text: "It is 3." }]);
    expect(answer.isError).toBeFalsy();
    expect(progress).toMatchObject([{ progress: 1, message: "calls add" }]);
    const [first] = server.provider.seen;
    expect(first!.body.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "1 + 2?" },
    ]);
    // It may ask the others, but not itself.
    expect(names(first!.body.tools.map((tool: { function: { name: string } }) => tool.function))).toEqual([
      "add",
      "greet",
      "ask_other",
    ]);
    expect(await server.audited()).toMatchObject([
      { status: 200, detail: { project: "p", agent: "helper", tool: "ask_helper" } },
      { status: 200, detail: { project: "p", server: "calc", tool: "add" } },
    ]);
    expect(await events(server)).toMatchObject([
      { detail: { agent: "helper" } },
      { detail: { agent: "helper" } },
    ]);
  });

  it("show the calls of their tools in the traffic of the project, by their name", async () => {
    const server = await withAgents({
      turns: [{ calls: [{ name: "add", args: { a: 1, b: 2 } }] }, { text: "It is 3." }],
    });
    await must(server.admin("PUT", "/api/v1/projects/p", { agents: ["helper"], traffic: "full" }));
    const client = await server.client("modern", { bearer: server.caller });
    await client.callTool({ name: "ask_helper", arguments: { message: "1 + 2?" } });
    const { bearer } = await server.token("editor", [{ role: "edit", resource: "projects", name: "p" }]);
    const watch = await watchKind(server, bearer, "projects/p/traffic", "&tail=1000");
    // biome-ignore lint/suspicious/noExplicitAny: tests look at any field
    const own: any[] = [];
    while (own.length < 2) {
      const event = await watch.next();
      if (!event) throw new Error("the stream ended");
      if (event.type === "message" && event.data["client"] === "agent:helper") own.push(event.data);
    }
    expect(own).toMatchObject([
      { from: "client", type: "request", method: "tools/call", subject: "add" },
      { from: "server", type: "response", method: "tools/call", subject: "add" },
    ]);
  });

  it("are offered only to those who may run them, and asked by nobody else (T218)", async () => {
    const server = await withAgents({ turns: [{ text: "hello" }] });
    const { bearer } = await server.token("some", [run("projects"), run("agents", "other")]);
    const client = await server.client("modern", { bearer });
    expect(names((await client.listTools()).tools)).toEqual(["add", "greet", "ask_other"]);
    const asked = client.callTool({ name: "ask_helper", arguments: { message: "hi" } });
    await expect(asked).rejects.toThrow('there is no tool "ask_helper"');
    expect(server.provider.seen).toEqual([]);
  });

  it("answer with an error that the client's model can read", async () => {
    const server = await withAgents({ turns: [] });
    const client = await server.client("modern", { bearer: server.caller });
    expect(await client.callTool({ name: "ask_helper", arguments: {} })).toMatchObject({
      isError: true,
      content: [{ type: "text", text: "message must be a text" }],
    });
    await must(server.admin("PUT", "/api/v1/agents/helper", { project: null }));
    await must(server.admin("PUT", "/api/v1/llms/gpt?probe=false", { url: "http://127.0.0.1:9" }));
    expect(await client.callTool({ name: "ask_helper", arguments: { message: "hi" } })).toMatchObject({
      isError: true,
      content: [{ type: "text", text: expect.stringContaining("refused") }],
    });
    expect((await server.audited()).map(({ status }) => status)).toEqual([502, 400]);
  });

  it("keep their names: a server's tool of that name gets another", async () => {
    const server = await withAgents({ tools: { ...usualTools, ask_helper: () => said("I am the server") } });
    const client = await server.client("modern", { bearer: server.caller });
    expect(names((await client.listTools()).tools)).toEqual([
      "add",
      "calc_ask_helper",
      "greet",
      "ask_helper",
      "ask_other",
    ]);
    const { content } = await client.callTool({ name: "calc_ask_helper", arguments: {} });
    expect(content).toEqual([{ type: "text", text: "I am the server" }]);
  });

  it("come and go with the rights of a client, which is told so", async () => {
    const server = await withAgents({});
    const { bearer } = await server.user("bob", [run("projects")]);
    const told = Promise.withResolvers<void>();
    const client = await server.client("legacy", {
      bearer,
      prepare: (one) => one.setNotificationHandler("notifications/tools/list_changed", () => told.resolve()),
    });
    expect(names((await client.listTools()).tools)).toEqual(["add", "greet"]);
    const roleBindings = [run("projects"), run("agents", "helper")];
    await must(server.admin("PUT", "/api/v1/rbac/of-bob", { roleBindings }));
    await told.promise;
    expect(names((await client.listTools()).tools)).toEqual(["add", "greet", "ask_helper"]);
  });
});

describe("personas that ask each other (T219)", () => {
  const asks = (request: { text: string; body: { tools?: { function: { name: string } }[] } }) =>
    request.body.tools?.map((tool) => tool.function.name).find((name) => name.startsWith("ask_"));

  it("are cut off at depth 3", async () => {
    const server = await withAgents({
      turns: (request) => {
        const name = asks(request as never);
        const hasResult = /"role":"tool"/.test(request.text);
        return name && !hasResult
          ? { calls: [{ name, args: { message: "and you?" } }] }
          : { text: "I do not know" };
      },
    });
    const client = await server.client("modern", { bearer: server.caller });
    const { content } = await client.callTool({ name: "ask_helper", arguments: { message: "hi" } });
    expect(content).toEqual([{ type: "text", text: "I do not know" }]);
    expect((await server.audited()).map(({ detail }) => detail.tool)).toEqual([
      "ask_helper",
      "ask_other",
      "ask_helper",
    ]);
    expect(server.provider.seen).toHaveLength(5);
  });

  it("ask at most 32 times for one call, however many they are asked for", async () => {
    const server = await withAgents({
      turns: (request) => {
        const name = asks(request as never);
        if (!name || /"role":"tool"/.test(request.text)) return { text: "I do not know" };
        return { calls: Array.from({ length: 20 }, () => ({ name, args: { message: "and you?" } })) };
      },
    });
    await server.openai.chat.completions.create({
      model: "agent:helper",
      messages: [{ role: "user", content: "hi" }],
    });
    const questions = (await must(server.admin("GET", "/api/v1/audit?action=mcp_call&limit=1000"))).body;
    expect(questions.filter(({ status }: { status: number }) => status === 200)).toHaveLength(32);
  });
});
