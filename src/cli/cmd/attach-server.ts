import { AppError } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { isName } from "../../kinds/names.ts";
import type { ApiClient } from "../client/client.ts";
import { withNearestName } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { namedByFlags } from "../flags/named-by-flags.ts";
import { dryRunArg } from "../manifest/dry-run-arg.ts";
import { reconcile } from "../manifest/reconcile.ts";
import { resultFormat, resultFormats, resultText } from "../manifest/write-result.ts";

/** `mcpctl attach-server NAME -p PROJECT` */
export const attachServer = defineVerb({
  meta: {
    name: "attach-server",
    description: "Attach an MCP server to a project, which then offers its tools",
    about: `The clients of the project can call the tools of the server, as far as both offer them: the field tools of the
      server says which ones, and --allow and --deny say it for this project alone. A tool keeps its name unless a
      server that was attached earlier has one of the same name; then --prefix goes before it. You need to be able to
      change the project, and expose on the server.

      A server that is attached already stays where it is, and gets the given flags.`,
    usage: "NAME -p PROJECT [flags]",
    examples: [
      ["mcpctl attach-server files -p website", "Offer all tools of files to the clients of website"],
      [
        "mcpctl attach-server github -p website --allow 'get_*' --allow 'search_*'",
        "Offer only tools that read, by patterns",
      ],
      ["mcpctl get tools -p website", "See which tools the project offers, and why others are missing"],
    ],
  },
  output: resultFormats,
  args: {
    name: { type: "positional", description: "The name of the MCP server", complete: { kind: "server" } },
    prefix: {
      type: "string",
      valueHint: "TEXT",
      description: "Goes before the name of a tool that is taken already, with _ (default: the server)",
    },
    allow: {
      type: "string",
      multiple: true,
      valueHint: "TOOL",
      description: "Offer only this tool; * stands for any text",
    },
    deny: {
      type: "string",
      multiple: true,
      valueHint: "TOOL",
      description: "Do not offer this tool; * stands for any text",
    },
    "dry-run": dryRunArg,
  },
  async run(args, context) {
    const { name, prefix, allow, deny, "dry-run": dryRun } = args;
    const project = projectOf(context);
    if (!isName(name)) throw new AppError("usage", `"${name}" cannot be the name of an MCP server`);
    const format = resultFormat(context.flags);
    const kind = kindOf("serverattachment");
    const tools = { ...(allow.length > 0 && { allow }), ...(deny.length > 0 && { deny }) };
    const fields = {
      project,
      server: name,
      ...(prefix !== undefined && { prefix }),
      ...(Object.keys(tools).length > 0 && { tools }),
    };
    const manifest = { kind, name, fields, source: "the command line" };
    const client = await context.client();
    const { result, object } = await reconcile(client, manifest, { dryRun }).catch(async (error) => {
      throw namedByFlags(await withNearestOf(name, project, error, client), kind, args);
    });
    const line =
      result === "created"
        ? `server '${name}' attached to project '${project}'`
        : `server '${name}' is attached to project '${project}'${result === "configured" ? ", and was changed" : " already"}`;
    context.terminal.out(resultText(format, kind, object!, `${line}${dryRun ? " (dry run)" : ""}`));
  },
});

/** Returns the error of an attachment; where a name of it is the reason, with the nearest name that there is. */
async function withNearestOf(
  server: string,
  project: string,
  error: unknown,
  client: ApiClient,
): Promise<unknown> {
  if (!(error instanceof AppError)) return error;
  for (const [kind, name] of [
    [kindOf("server"), server],
    [kindOf("project"), project],
  ] as const) {
    const words = `there is no ${kind.kind} "${name}"`;
    if (!error.message.includes(words)) continue;
    const { requestId } = error;
    const unknown = new AppError("not_found", words, {
      cause: error,
      ...(requestId !== undefined && { requestId }),
    });
    return withNearestName(unknown, kind, name, client);
  }
  return error;
}

/** The project of `-p`. Throws AppError `usage` if it is missing or can be none. */
export function projectOf({ flags: { project } }: Context): string {
  if (project === undefined) throw new AppError("usage", "-p PROJECT is missing");
  if (!isName(project)) throw new AppError("usage", `"${project}" cannot be the name of a project`);
  return project;
}
