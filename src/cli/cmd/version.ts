import { AppError } from "../../errors.ts";
import { version as client, type Version, versionLine } from "../../version.ts";
import { escapeLine, jsonText } from "../../wire/text.ts";
import { versionAnswer } from "../client/account-answers.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { wantsJson } from "../output/format.ts";
import type { Terminal } from "../terminal/terminal.ts";

export const version = defineVerb({
  meta: {
    name: "version",
    description: "Show the versions of this program and of the server",
    about: `Prints version, commit, build date and Bun version of both, and warns if the versions differ. If the server
      cannot be reached, only the client's line is printed. "mcpctl -v" asks no server.`,
    usage: "[-o json]",
    examples: [["mcpctl version -o json", "Print both versions for a program"]],
  },
  async run(_, context) {
    const json = wantsJson(context.flags.output);
    const server = await serverVersion(context);
    if (json) context.terminal.out(jsonText({ client, server: server ?? null }));
    else {
      context.terminal.out(`client: ${versionLine(client)}\n`);
      if (server) context.terminal.out(`server: ${escapeLine(versionLine(server))}\n`);
    }
    if (server) warnAboutSkew(server, context.terminal);
  },
});

/** The server's version; undefined, with a warning, if the server does not respond. */
async function serverVersion(context: Context): Promise<Version | undefined> {
  try {
    return await (await context.client()).call("GET", "/api/v1/version", {
      answer: versionAnswer,
    });
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "usage" || error.code === "interrupted") throw error;
    warn(context.terminal, `the version of the server is unknown: ${error.message}`);
    return undefined;
  }
}

/** Warns if client and server have different versions. */
export function warnAboutSkew(server: Version, terminal: Terminal): void {
  if (server.version !== client.version)
    warn(
      terminal,
      `the server has version ${server.version}, this program ${client.version}; some commands may fail`,
    );
}
