import { describe, expect, it } from "vitest";
import { type Script, said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { type Era, messagesOf, type TestProject, testProject } from "../../../support/mcp/project.ts";
import { shared } from "../../../support/shared.ts";

const combinations = (["legacy", "modern"] as const).flatMap((client) =>
  (["legacy", "modern"] as const).map((server) => ({ client, server })),
);

const page = (url: unknown) => ({ mode: "url", url, message: "open it", elicitationId: "1" });
const listing = { "tools/list": () => ({ tools: [tool("go")], ttlMs: 0, cacheScope: "private" }) };

/** The work of the tool `go` of the servers in a test. */
let script: Script;
const projectOf = (era: Era) =>
  shared(async () => {
    const project = await testProject();
    await project.attach("s", scriptedMcp(era, { ...listing, "tools/call": (call) => script(call) }).url);
    return project;
  });
const projects = { legacy: projectOf("legacy"), modern: projectOf("modern") };

/** Makes the tool of a server ask its client to open an address. Returns the project. */
function opening(server: Era, url: unknown, isError = false) {
  script = async ({ ask }) => {
    if (isError) throw { code: -32042, message: "open", data: { elicitations: [page(url)] } };
    if (server === "legacy") {
      const answer = await ask("elicitation/create", page(url)).catch((error) => error);
      return said(answer.message ?? answer.action);
    }
    return {
      resultType: "input_required",
      inputRequests: { a: { method: "elicitation/create", params: page(url) } },
    };
  };
  return projects[server]();
}

/** Calls the tool, as a client of an era that can open pages. Returns all that the client gets, as text. */
async function calledBy(client: Era, project: TestProject, capabilities: object): Promise<string> {
  if (client === "modern")
    return JSON.stringify(messagesOf(await project.modern("tools/call", { name: "go" }, { capabilities })));
  const headers = await project.session({ capabilities });
  const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "go" } };
  return JSON.stringify(messagesOf(await project.post(message, { headers })));
}

describe.each(combinations)(
  "a $client client whose hostile $server server wants an address opened",
  (eras) => {
    it.each([
      "javascript:alert(1)",
      "file:///etc/passwd",
      "data:text/html,x",
      "calculator://x",
      "",
      { a: 1 },
    ])("never sees %j (T320)", async (url) => {
      const project = opening(eras.server, url);
      const seen = await calledBy(eras.client, project, { elicitation: { url: {} } });
      expect(seen).toContain("not one of a web page");
      expect(seen).not.toMatch(/javascript:|file:|data:text|calculator:|open it/);
    });
  },
);

it.each(["legacy", "modern"] as const)(
  "a %s client never sees an address in the error of a legacy server that is not one of a web page (T320)",
  async (client) => {
    const bad = opening("legacy", "javascript:alert(1)", true);
    const seen = await calledBy(client, bad, { elicitation: { url: {} } });
    expect(seen).toContain("not one of a web page");
    expect(seen).not.toContain("javascript:");
    const good = opening("legacy", "https://example.org/login", true);
    expect(await calledBy(client, good, { elicitation: { url: {} } })).toContain("https://example.org/login");
  },
);

describe.each(["legacy", "modern"] as const)("a %s client", (client) => {
  it("is not asked 101 questions at a time (T321)", async () => {
    const questions = Object.fromEntries(
      Array.from({ length: 101 }, (_, i) => [`q${i}`, { method: "roots/list" }]),
    );
    script = () => ({ resultType: "input_required", inputRequests: questions });
    const seen = await calledBy(client, projects.modern(), { roots: {} });
    expect(seen).toContain("more than 100 questions at a time");
    expect(seen).not.toContain("roots/list");
  });
});

it("a modern client gets no state that it could not give back (T321)", async () => {
  const form = { message: "?", requestedSchema: { type: "object", properties: {} } };
  script = () => ({
    resultType: "input_required",
    requestState: "s".repeat(1024 * 1024),
    inputRequests: { a: { method: "elicitation/create", params: form } },
  });
  const { body } = await projects
    .modern()
    .modern("tools/call", { name: "go" }, { capabilities: { elicitation: { form: {} } } });
  expect(body.error.message).toContain("more than 1 MB");
});
