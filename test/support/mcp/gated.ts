import type { ServerOptions } from "../../../src/server/options.ts";
import { must } from "../server.ts";
import { type ScriptedMcp, said, scriptedMcp, tool } from "./http-server.ts";
import { type TestProject, testProject } from "./project.ts";

/** A project with a gate, prompts, and one MCP server with tools and resources. */
export interface GatedProject extends TestProject {
  upstream: ScriptedMcp;
  /** Makes a prompt of the project. */
  prompt(name: string, fields: object): Promise<void>;
  /** The names of the tools that a legacy session lists. */
  toolsOf(session: Record<string, string>): Promise<string[]>;
  /** Calls a tool in a legacy session, or in the modern era without one. Returns all texts of the result. */
  tool(name: string, args?: object, session?: Record<string, string>): Promise<string[]>;
}

/** Starts a server with the project `p`, whose server `s` has the tools `echo`, `fails` and those of `tools`. */
export async function gatedProject(
  proxyModel = "gate",
  {
    options = {},
    spec = {},
    tools = [],
  }: { options?: Partial<ServerOptions>; spec?: object; tools?: object[] } = {},
): Promise<GatedProject> {
  const upstream = scriptedMcp("modern", {
    "tools/list": () => ({ tools: [tool("echo"), tool("fails"), ...tools], ttlMs: 0, cacheScope: "public" }),
    "resources/list": () => ({
      resources: [
        { uri: "doc://style", name: "style" },
        { uri: "doc://broken", name: "broken" },
      ],
      ttlMs: 0,
      cacheScope: "public",
    }),
    "resources/read": ({ params }) => {
      if (params.uri === "doc://broken") throw { code: -32603, message: "no" };
      return {
        resultType: "complete",
        contents: [{ uri: params.uri, text: `text of ${params.uri}` }],
        ttlMs: 0,
        cacheScope: "public",
      };
    },
    "tools/call": ({ params }) => {
      if (params.name === "fails") throw { code: -32603, message: "it fails" };
      if (params.name === "structured")
        return { resultType: "complete", ...said("{}"), structuredContent: {} };
      return { resultType: "complete", ...said(`echo ${JSON.stringify(params.arguments)}`) };
    },
  });
  const p = await testProject(options, { proxyModel, ...spec });
  await p.attach("s", upstream.url);
  let next = 1;
  const texts = (content: { text: string }[]) => content.map(({ text }) => text);
  return {
    ...p,
    upstream,
    async prompt(name, fields) {
      await must(
        p.admin("POST", "/api/v1/prompts", { name, project: "p", content: `${name}-text`, ...fields }),
      );
    },
    async toolsOf(session) {
      const { body } = await p.post(
        { jsonrpc: "2.0", id: next++, method: "tools/list" },
        { headers: session },
      );
      return body.result.tools.map((one: { name: string }) => one.name);
    },
    async tool(name, args = {}, session = undefined) {
      const params = { name, arguments: args };
      const answer = session
        ? await p.post({ jsonrpc: "2.0", id: next++, method: "tools/call", params }, { headers: session })
        : await p.modern("tools/call", params);
      const messages = answer.body
        ? [answer.body]
        : answer.text
            .split("\n")
            .filter((line) => line.startsWith("data: "))
            .map((line) => JSON.parse(line.slice(6)));
      const { result, error } = messages.findLast((one) => "id" in one);
      return error ? [`error: ${error.message}`] : texts(result.content);
    },
  };
}
