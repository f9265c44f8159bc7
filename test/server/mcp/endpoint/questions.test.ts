import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { type Era, messagesOf, testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";
import { shared } from "../../../support/shared.ts";
import { upstream as llmProvider, reply } from "../../../support/upstream.ts";

const form = {
  mode: "form",
  message: "Your name?",
  requestedSchema: { type: "object", properties: { name: { type: "string" } } },
};

/** A server whose tool asks the client for a name, in its own era. */
function asking(era: Era) {
  return scriptedMcp(era, {
    "tools/list": () => ({ tools: [tool("greet"), tool("other")], ttlMs: 0, cacheScope: "private" }),
    "tools/call": async ({ params, ask }) => {
      if (era === "legacy") {
        const answer = await ask("elicitation/create", form);
        return said(`hello ${answer.content?.name ?? answer.action}`);
      }
      const answer = params.inputResponses?.who;
      if (answer && params.requestState === "state 1")
        return { resultType: "complete", ...said(`hello ${answer.content.name}`) };
      if (params.requestState !== undefined) throw { code: -32602, message: "bad state" };
      return {
        resultType: "input_required",
        inputRequests: { who: { method: "elicitation/create", params: form } },
        requestState: "state 1",
      };
    },
  });
}

const combinations = (["legacy", "modern"] as const).flatMap((client) =>
  (["legacy", "modern"] as const).map((server) => ({ client, server })),
);

describe.each(combinations)("a $client client and a $server server", ({ client: era, server }) => {
  const asked = shared(async () => {
    const project = await testProject();
    await project.attach("names", asking(server).url);
    return project;
  });

  it("lets the server ask the user of the client", async () => {
    const client = await asked().client(era, {
      capabilities: { elicitation: { form: {} } },
      prepare: (one) =>
        one.setRequestHandler("elicitation/create", async ({ params }) => {
          expect(params.message).toBe("Your name?");
          return { action: "accept", content: { name: "Ada" } };
        }),
    });
    const result = await client.callTool({ name: "greet", arguments: {} });
    expect(result.content).toEqual([{ type: "text", text: "hello Ada" }]);
  });

  it("does not ask a client that does not declare the capability", async () => {
    const client = await asked().client(era);
    await expect(client.callTool({ name: "greet", arguments: {} })).rejects.toThrow(
      /does not support elicitation/,
    );
  });
});

describe("the state that a modern client gives back", () => {
  const capabilities = { elicitation: { form: {} } };
  const answers = { who: { action: "accept", content: { name: "Eve" } } };

  it.each(["legacy", "modern"] as const)("belongs to one principal, with a %s server (T164)", async (era) => {
    const project = await testProject();
    await project.attach("names", asking(era).url);
    const { bearer: other } = await project.token("other", [{ role: "run", resource: "projects" }]);
    const asked = await project.modern("tools/call", { name: "greet" }, { capabilities });
    const { requestState, inputRequests, resultType } = asked.body.result;
    expect(resultType).toBe("input_required");
    expect(requestState).not.toContain("state 1");
    const [key] = Object.keys(inputRequests);
    const retry = { name: "greet", requestState, inputResponses: { [key!]: answers.who } };
    const stolen = await project.modern("tools/call", retry, { capabilities, bearer: other });
    expect(stolen.body.error).toMatchObject({ code: -32602 });
    // Another tool of the same server cannot use it either, and nobody can change it.
    const elsewhere = await project.modern("tools/call", { ...retry, name: "other" }, { capabilities });
    expect(elsewhere.body.error).toMatchObject({ code: -32602 });
    const changed = { ...retry, requestState: `${requestState.slice(0, -2)}AA` };
    expect((await project.modern("tools/call", changed, { capabilities })).body.error).toMatchObject({
      code: -32602,
    });
    const own = await project.modern("tools/call", retry, { capabilities });
    expect(messagesOf(own).at(-1).result.content[0].text).toBe("hello Eve");
  });

  it("asks again for answers that are missing", async () => {
    const project = await testProject();
    await project.attach("names", asking("legacy").url);
    const asked = await project.modern("tools/call", { name: "greet" }, { capabilities });
    const { requestState } = asked.body.result;
    const again = await project.modern(
      "tools/call",
      { name: "greet", requestState, inputResponses: {} },
      { capabilities },
    );
    expect(again.body.result).toMatchObject({ resultType: "input_required" });
    expect(Object.keys(again.body.result.inputRequests)).toHaveLength(1);
    const wrong = { name: "greet", requestState, inputResponses: { key: 5 } };
    expect((await project.modern("tools/call", wrong, { capabilities })).body.error.code).toBe(-32602);
    // A client that did not get this answer may send the same request again, until the call has its result.
    const [key] = Object.keys(again.body.result.inputRequests);
    const retry = { name: "greet", requestState, inputResponses: { [key!]: answers.who } };
    const done = await project.modern("tools/call", retry, { capabilities });
    expect(messagesOf(done).at(-1).result.content[0].text).toBe("hello Eve");
    const used = await project.modern("tools/call", retry, { capabilities });
    expect(used.body.error).toMatchObject({ code: -32602 });
  });
});

describe("pages that the user has to open", () => {
  const page = { mode: "url", message: "Log in", url: "https://login.example", elicitationId: "e1" };
  const login = () => {
    let isOpen = false;
    return scriptedMcp("legacy", {
      "tools/list": () => ({ tools: [tool("mail")] }),
      "tools/call": ({ params }) => {
        expect(Object.keys(params).sort()).toEqual(["arguments", "name"]);
        if (isOpen) return said("3 mails");
        isOpen = true;
        throw { code: -32042, message: "log in first", data: { elicitations: [page] } };
      },
    });
  };

  it("are asked of a modern client as questions, and of a legacy client with the error of its era", async () => {
    const p = await testProject();
    await p.attach("one", login().url);
    const capabilities = { elicitation: { form: {}, url: {} } };
    const asked = await p.modern("tools/call", { name: "mail" }, { capabilities });
    expect(asked.body.result).toMatchObject({
      resultType: "input_required",
      inputRequests: { "page-1": { method: "elicitation/create", params: page } },
    });
    const inputResponses = { "page-1": { action: "accept" } };
    const done = await p.modern("tools/call", { name: "mail", inputResponses }, { capabilities });
    expect(done.body.result).toMatchObject(said("3 mails"));
    await p.attach("two", login().url);
    const headers = await p.session({ capabilities });
    const { body } = await p.post(
      { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "two_mail", arguments: {} } },
      { headers },
    );
    expect(body.error).toMatchObject({ code: -32042, data: { elicitations: [page] } });
  });
});

describe("sampling of a project", () => {
  const sampling = { messages: [{ role: "user", content: { type: "text", text: "hi" } }], maxTokens: 10 };
  const sampled = () =>
    scriptedMcp("legacy", {
      "tools/list": () => ({ tools: [tool("ask")] }),
      "tools/call": async ({ ask }) => {
        const answer = await ask("sampling/createMessage", sampling).catch(({ message }) => ({
          content: { text: message },
        }));
        return said(answer.content.text);
      },
    });

  it("asks the client, as it is by default", async () => {
    const project = await testProject();
    await project.attach("s", sampled().url);
    const client = await project.client("legacy", {
      capabilities: { sampling: {} },
      prepare: (one) =>
        one.setRequestHandler("sampling/createMessage", async () => ({
          role: "assistant",
          model: "m",
          content: { type: "text", text: "from the client" },
        })),
    });
    const { content } = await client.callTool({ name: "ask", arguments: {} });
    expect(content).toEqual([{ type: "text", text: "from the client" }]);
  });

  it("is refused with deny, although the client could", async () => {
    const project = await testProject({}, { sampling: "deny" });
    await project.attach("s", sampled().url);
    const client = await project.client("legacy", {
      capabilities: { sampling: {} },
      prepare: (one) =>
        one.setRequestHandler("sampling/createMessage", async () => {
          throw new Error("the client was asked");
        }),
    });
    const { content } = await client.callTool({ name: "ask", arguments: {} });
    expect(content).toMatchObject([{ text: expect.stringContaining("does not allow sampling") }]);
  });

  describe("with llm", () => {
    const answer = (text: string) => ({
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "up",
      choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });

    async function withLlm(grants: object[]) {
      const provider = llmProvider((_, connection) => connection.end(reply(200, answer("from the llm"))));
      const p = await testProject({}, { sampling: "llm", llmProvider: "small" });
      await must(
        p.admin("POST", "/api/v1/llms", {
          name: "small",
          type: "openai",
          url: `${provider.url}/v1`,
          model: "up",
        }),
      );
      const { bearer } = await p.token("caller", grants);
      // Creating an llm asks its provider for its models.
      return { ...p, called: () => provider.seen.filter(({ method }) => method === "POST"), bearer };
    }

    const rights = [
      { role: "run", resource: "projects" },
      { role: "run", resource: "llms" },
    ];

    it.each(["legacy", "modern"] as const)(
      "lets the project's llm answer for a %s client that cannot, as a call of the caller",
      async (era) => {
        const p = await withLlm(rights);
        await p.attach("s", sampled().url);
        const client = await p.client(era, { bearer: p.bearer });
        const { content } = await client.callTool({ name: "ask", arguments: {} });
        expect(content).toEqual([{ type: "text", text: "from the llm" }]);
        expect(p.called()[0]!.body).toMatchObject({
          model: "up",
          max_tokens: 10,
          messages: [{ role: "user", content: "hi" }],
        });
        const { body } = await p.admin("GET", "/api/v1/audit?action=llm_inference_call");
        expect(body[0]).toMatchObject({ tokenId: (await p.audited())[0].tokenId, llm: "small" });
      },
    );

    it("lets it answer a modern server for a modern client", async () => {
      const p = await withLlm(rights);
      const upstream = scriptedMcp("modern", {
        "tools/list": () => ({ tools: [tool("ask")], ttlMs: 0, cacheScope: "private" }),
        "tools/call": ({ params }) =>
          params.inputResponses
            ? { resultType: "complete", ...said(params.inputResponses.q.content.text) }
            : {
                resultType: "input_required",
                inputRequests: { q: { method: "sampling/createMessage", params: sampling } },
              },
      });
      await p.attach("s", upstream.url);
      const client = await p.client("modern", { bearer: p.bearer });
      const { content } = await client.callTool({ name: "ask", arguments: {} });
      expect(content).toEqual([{ type: "text", text: "from the llm" }]);
    });

    it("does not let it answer for a caller who may not run the llm, nor for a client that can sample", async () => {
      const p = await withLlm(rights.slice(0, 1));
      await p.attach("s", sampled().url);
      const client = await p.client("legacy", { bearer: p.bearer });
      const { content } = await client.callTool({ name: "ask", arguments: {} });
      expect(content).toMatchObject([{ text: expect.stringContaining("sampling: ") }]);
      const able = await p.client("legacy", {
        bearer: p.bearer,
        capabilities: { sampling: {} },
        prepare: (one) =>
          one.setRequestHandler("sampling/createMessage", async () => ({
            role: "assistant",
            model: "m",
            content: { type: "text", text: "mine" },
          })),
      });
      expect((await able.callTool({ name: "ask", arguments: {} })).content).toEqual([
        { type: "text", text: "mine" },
      ]);
      expect(p.called()).toEqual([]);
    });
  });
});
