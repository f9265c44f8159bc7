import type { Packages } from "./install.ts";
import type { McpScenarioName, ScenarioName, ToolCall } from "./model.ts";

/** One run of a client's program. */
export interface Job {
  scenario: ScenarioName;
  question: string;
  /** Number of the question, from 0 on: a later one continues the same conversation. */
  nth: number;
  /** Name of the llm at mcpctl. */
  model: string;
  /** Name of a llm of another provider. */
  other: string;
  /** Address of mcpctl, without `/v1`. */
  url: string;
  token: string;
  /** The client's `~`. */
  home: string;
  /** The folder that it works in; `a.txt`, `b.txt` and `picture.png` are there. */
  work: string;
}

/** A call of the client's own tool. */
type Call = Omit<ToolCall, "id">;

export interface Client {
  name: string;
  /** The packages that it is. The first one gives the version of the table. */
  install: Packages;
  /** The API of mcpctl that it calls. */
  dialect: "chat" | "messages" | "responses";
  scenarios: readonly ScenarioName[];
  /** The program of this folder that it runs; a program that the packages install where there is none. */
  program?: string;
  /** The command behind the program; `{bin}` is the folder of the installed programs. */
  command(job: Job): readonly string[];
  env?(job: Job): Record<string, string>;
  /** Contents of its configuration, by path in its `~`. */
  files?(job: Job): Record<string, string>;
  /** Words that it shows when the context is full, where it does not go on by itself. */
  onOverflow?: string;
  /** The scripted model's call of the tool that reads a file of the working folder. */
  read?(job: Job, file: string): Call;
  /** The way in which it uses a project of MCP servers. */
  mcp?: McpUse;
}

/** A client of a project's MCP servers. */
interface McpUse {
  scenarios: readonly McpScenarioName[];
  /** Its name in `mcpctl config`. */
  config: string;
  /** It can read a token from a file over HTTP. */
  readsFile?: true;
  /** Returns the call by which its model calls a tool of a project. */
  call(project: string, tool: string, input: Record<string, unknown>): Call;
  /** The call with which its model has to ask for tools of a project before it may call them. */
  search?(project: string, tools: readonly string[]): Call;
}
