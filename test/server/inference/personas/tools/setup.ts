import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import type { ServerOptions } from "../../../../../src/server/options.ts";
import {
  type ScriptedMcp,
  scriptedMcp,
  type Script as ToolScript,
} from "../../../../support/mcp/http-server.ts";
import { type TestProject, testProject } from "../../../../support/mcp/project.ts";
import { must } from "../../../../support/server.ts";
import { type Script, type Upstream, upstream } from "../../../../support/upstream.ts";
import { scriptedModel, type Turns } from "./scripted-model.ts";

export interface Setup {
  turns?: Turns;
  /** Instead of a scripted model. */
  script?: Script;
  /** Answers calls of tools, by the name of the tool. */
  tools?: Record<string, ToolScript>;
  /** Fields of the llm. */
  llm?: object;
  agent?: object;
  project?: object;
  options?: Partial<ServerOptions>;
}

export interface WithTools extends TestProject {
  provider: Upstream;
  mcp: ScriptedMcp;
  /** A token that may run personas and projects. */
  caller: string;
  openai: OpenAI;
  anthropic: Anthropic;
}

/** The llms of the tests, by the dialect that their provider speaks. */
export const llmOf = {
  chat: { type: "openai" },
  messages: { type: "anthropic" },
  responses: { type: "openai", responses: "native" },
} as const;

export const said = (text: string) => ({ content: [{ type: "text", text }] });

/** The tools `add` and `greet`. */
export const usualTools: Record<string, ToolScript> = {
  add: ({ params }) => said(String(params.arguments.a + params.arguments.b)),
  greet: ({ params }) => said(`hello ${params.arguments.name}`),
};

/** A project with an MCP server, and the persona `helper` that uses it. */
export async function withTools({
  turns = [],
  script = scriptedModel(turns),
  tools = usualTools,
  llm = {},
  agent = {},
  project = {},
  options = {},
}: Setup): Promise<WithTools> {
  const provider = upstream(script);
  const mcp = scriptedMcp("legacy", {
    "tools/list": () => ({
      tools: Object.keys(tools).map((name) => ({
        name,
        description: `does ${name}`,
        inputSchema: { type: "object" },
      })),
    }),
    "tools/call": (call) => tools[call.params.name]!(call),
  });
  const server = await testProject(options, { proxyModel: "none", ...project });
  const { admin, url } = server;
  await must(
    admin("POST", "/api/v1/llms?probe=false", {
      name: "gpt",
      type: "openai",
      model: "up",
      url: provider.url,
      ...llm,
    }),
  );
  await server.attach("calc", mcp.url);
  await must(
    admin("POST", "/api/v1/agents", {
      name: "helper",
      llm: "gpt",
      project: "p",
      systemPrompt: "Be brief.",
      ...agent,
    }),
  );
  const grants = ["agents", "projects"].map((resource) => ({ role: "run", resource }));
  const { bearer: caller } = await server.token("caller", grants);
  return { ...server, provider, mcp, caller, ...sdks(url, caller) };
}

export function sdks(url: string, bearer: string) {
  const options = { apiKey: bearer, maxRetries: 0 };
  return {
    openai: new OpenAI({ ...options, baseURL: `${url}/v1` }),
    anthropic: new Anthropic({ ...options, baseURL: url }),
  };
}

export const model = "agent:helper";
export const question = { role: "user" as const, content: "what is 1 + 2?" };
