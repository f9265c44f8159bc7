import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { type Era, messagesOf, testProject } from "../../../support/mcp/project.ts";

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
  it("lets the server ask the user of the client", async () => {
    const upstream = asking(server);
    const project = await testProject();
    await project.attach("names", upstream.url);
    const client = await project.client(era, {
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
    const upstream = asking(server);
    const project = await testProject();
    await project.attach("names", upstream.url);
    const client = await project.client(era);
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
    // A client that did not get this answer may send the same request again, until the call has its result.
    const [key] = Object.keys(again.body.result.inputRequests);
    const retry = { name: "greet", requestState, inputResponses: { [key!]: answers.who } };
    const done = await project.modern("tools/call", retry, { capabilities });
    expect(messagesOf(done).at(-1).result.content[0].text).toBe("hello Eve");
    const used = await project.modern("tools/call", retry, { capabilities });
    expect(used.body.error).toMatchObject({ code: -32602 });
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
});
