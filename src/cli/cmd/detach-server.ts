import { AppError } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { nearest } from "../../kinds/names.ts";
import { anything, listOf } from "../client/answers.ts";
import type { ApiClient } from "../client/client.ts";
import { dryRunQuery } from "../client/dry-run.ts";
import { objectPath, withNearestName } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import { dryRunArg } from "../manifest/dry-run-arg.ts";
import { resultFormat, resultFormats, verbResultText } from "../manifest/write-result.ts";
import { projectOf } from "./attach-server.ts";

/** `mcpctl detach-server NAME -p PROJECT` */
export const detachServer = defineVerb({
  meta: {
    name: "detach-server",
    description: "Detach an MCP server from a project",
    about: `The project no longer offers the tools of the server. The server itself stays, also for other projects. You need
      to be able to change the project.`,
    usage: "NAME -p PROJECT [flags]",
    examples: [["mcpctl detach-server files -p website", "Take the tools of files from the project website"]],
  },
  output: resultFormats,
  args: {
    name: { type: "positional", description: "The name of the MCP server", complete: { kind: "server" } },
    "dry-run": dryRunArg,
  },
  async run({ name, "dry-run": dryRun }, context) {
    const project = projectOf(context);
    const format = resultFormat(context.flags);
    const client = await context.client();
    const path = objectPath(kindOf("serverattachment"), name);
    try {
      await client.call("DELETE", path, { query: { project, ...dryRunQuery(dryRun) }, answer: anything });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "not_found") throw error;
      throw await notAttached(name, project, error, client);
    }
    const line = `server '${name}' detached from project '${project}'${dryRun ? " (dry run)" : ""}`;
    const data = { detached: name, project };
    context.terminal.out(verbResultText(format, { data, name: `serverattachment/${name}`, line }));
  },
});

/** The error for a server that the project does not have, with the nearest project or the nearest server of it. */
async function notAttached(
  name: string,
  project: string,
  cause: AppError,
  client: ApiClient,
): Promise<unknown> {
  const noProject = await withNearestName(cause, kindOf("project"), project, client);
  if (noProject !== cause) return noProject;
  const kind = kindOf("serverattachment");
  const attached = await client
    .call("GET", `/api/v1/${kind.plural}`, { query: { project }, answer: listOf(kind) })
    .then((all) => all.map((one) => one.name))
    .catch((): string[] => []);
  const list = `to see what is: mcpctl get serverattachments -p ${project}`;
  const near = nearest(name, attached);
  return new AppError("not_found", `server "${name}" is not attached to project "${project}"`, {
    cause,
    ...(cause.requestId !== undefined && { requestId: cause.requestId }),
    hint: near === undefined ? list : `did you mean "${near}"? ${list}`,
  });
}
