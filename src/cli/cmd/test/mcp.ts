import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { jsonText } from "../../../wire/text.ts";
import type { ApiClient } from "../../client/client.ts";
import { resolveEndpoint } from "../../client/endpoint.ts";
import { withNearestName } from "../../client/objects.ts";
import { clientFor } from "../../core/api-client.ts";
import { defineVerb } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { withTimeout } from "../../core/deadline.ts";
import { reportFailure } from "../../core/failure.ts";
import { warnOnTheWay } from "../../core/plain-http.ts";
import { wantsJson } from "../../output/format.ts";
import { waitingOn } from "../../terminal/progress.ts";
import { explained } from "../mcp/explained.ts";
import { waitForFirstStarts } from "./first-start.ts";
import { McpTest } from "./mcp-steps.ts";
import { stepLine } from "./mcp-text.ts";

/** Exit codes: the server cannot be used at all, and it can, but does not do what was expected. */
const noConnection = 1;
const brokenContract = 2;

export const testMcp = defineVerb({
  meta: {
    name: "mcp",
    description: "Connect to an MCP server as a client would, list its tools and call one",
    about: `Greets the server in the newest revision that both know, reads its lists and checks the schemas of its tools.
      With --tool it also calls one, and checks the result against the tool's output schema. A server without tools passes,
      and is named as one, unless a tool was expected. It asks for a project of the
      server with -p, also over a Unix socket, or for any MCP server by its URL. Servers of the project that start for
      the first time are waited for.

      A URL gets no token but that of --token-file. Exits with 0 if all is well; with 1 if there is no connection or the
      token is refused; with 3 if there is no such project; with 2 if a tool is missing, fails, or breaks its schema, and for a wrong command line.`,
    usage: "URL|-p PROJECT [--tool TOOL [--args JSON]] [--expect-tools A,B] [-o json]",
    examples: [
      ["mcpctl test mcp -p website", "Test the MCP endpoint of a project"],
      ["mcpctl test mcp -p website --expect-tools read_file,list_directory", "Fail if a tool is missing"],
      [`mcpctl test mcp -p website --tool echo --args '{"message": "hi"}'`, "Call a tool"],
      [
        "mcpctl test mcp https://mcp.example.org/mcp --token-file key.txt -o json",
        "Test a server of somebody else",
      ],
    ],
  },
  output: ["json"],
  args: {
    url: { type: "positional", required: false, description: "The URL of an MCP server" },
    tool: { type: "string", valueHint: "TOOL", description: "Call this tool" },
    args: { type: "string", valueHint: "JSON", description: "The arguments of the call (default {})" },
    "expect-tools": {
      type: "string",
      valueHint: "A,B",
      description: "Fail unless these tools are listed; may be repeated",
      multiple: true,
    },
  },
  async run(args, context) {
    const json = wantsJson(context.flags.output);
    const call = callOf(args.tool, args.args);
    const expected = args["expect-tools"].flatMap((list) => list.split(",")).filter((name) => name !== "");
    const { terminal } = context;
    const { client, path } = await targetOf(args.url, context);
    const signal = withTimeout(context);
    const { project } = context.flags;
    if (project !== undefined) await waitForFirstStarts(project, context, signal);
    const waiting = waitingOn(context, "waiting for the MCP server");
    const test = new McpTest(client, path, signal, (step) => {
      waiting.erase();
      if (!json) terminal.out(stepLine(step, terminal.color));
    });
    let failure: AppError | undefined;
    try {
      await test.run({ expected, ...(call && { call }) });
    } catch (error) {
      waiting.end();
      failure = await withNearest(explained(error, project, signal), context);
      if (failure.code === "interrupted") throw failure;
      reportFailure(failure, terminal, context.flags.verbose);
    } finally {
      waiting.end();
      await test.close();
    }
    const { report } = test;
    const ok = failure === undefined && report.faults.length === 0;
    if (json) terminal.out(jsonText({ ok, ...report, ...(failure && { error: failure.message }) }));
    if (failure)
      return failure.code === "not_found" && project !== undefined ? failure.exitCode : noConnection;
    if (test.lacksTools && project !== undefined && !json)
      terminal.err(`to see why a tool is not offered: mcpctl get tools -p ${project}\n`);
    return ok ? 0 : brokenContract;
  },
});

/** Returns the error for a project that is unknown with the nearest one there is, and every other error as it is. */
async function withNearest(error: AppError, context: Context): Promise<AppError> {
  const { project } = context.flags;
  if (project === undefined) return error;
  const nearest = await withNearestName(error, kindOf("project"), project, await context.client());
  return nearest instanceof AppError ? nearest : error;
}

interface Target {
  client: ApiClient;
  path: string;
}

/** Returns the client and the path of the server to test. Throws AppError `usage`. */
async function targetOf(url: string | undefined, context: Context): Promise<Target> {
  const { project } = context.flags;
  if (url !== undefined && project !== undefined)
    throw new AppError("usage", "give a URL or -p PROJECT, not both");
  if (url === undefined && project === undefined)
    throw new AppError("usage", "either a URL or a project is required: -p NAME", {
      hint: "to see the projects: mcpctl get projects",
    });
  if (project !== undefined)
    return { client: await context.client(), path: `/projects/${encodeURIComponent(project)}/mcp` };
  const parsed = URL.parse(url!);
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    throw new AppError("usage", `"${url}" is not the URL of an MCP server: write http://… or https://…`, {
      hint: "to test a project: mcpctl test mcp -p NAME",
    });
  if (parsed.username !== "" || parsed.password !== "")
    throw new AppError("usage", "the URL holds a credential, which others on this machine can read", {
      hint: "write the token into a file: --token-file FILE",
    });
  const { flags } = context;
  // Another server must not get the token of this one, so nothing but the flag says it (T186).
  const { token } = flags.tokenFile
    ? await resolveEndpoint({ ...context, env: {}, flags: { ...flags, server: parsed.origin } })
    : {};
  if (token !== undefined) warnOnTheWay(parsed.origin, "the token", context.terminal);
  const client = clientFor({ url: parsed.origin, ...(token !== undefined && { token }) }, context);
  return { client, path: parsed.pathname + parsed.search };
}

function callOf(
  tool: string | undefined,
  text: string | undefined,
): { tool: string; args: JsonObject } | undefined {
  if (tool === undefined) {
    if (text !== undefined) throw new AppError("usage", "--args needs a tool: --tool NAME");
    return undefined;
  }
  let args: unknown;
  try {
    args = JSON.parse(text ?? "{}");
  } catch (cause) {
    throw new AppError("usage", `--args is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(args)) throw new AppError("usage", '--args must be an object, such as {"path": "/tmp"}');
  return { tool, args };
}
