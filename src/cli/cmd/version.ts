import { AppError } from "../../errors.ts";
import { version as client, type Version, versionLine } from "../../version.ts";
import { escapeLine } from "../../wire/text.ts";
import { versionAnswer } from "../client/account-answers.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
import type { Terminal } from "../terminal/terminal.ts";

export const version = defineVerb({
  meta: {
    name: "version",
    description: "Show the versions of this program and of the server",
    about: `Prints version, commit, build date and Bun version of both, and warns if the versions differ. If the server
      cannot be reached, only the client's line is printed. "mcpctl -v" asks no server. With --check it also reads which
      release is the newest, from the folder that MCPCTL_UPDATE_URL names; nothing else ever asks there but
      "mcpctl upgrade".`,
    usage: "[--check] [-o json|yaml]",
    examples: [
      ["mcpctl version -o json", "Print both versions for a program"],
      ["mcpctl version --check", "See if there is a newer release"],
    ],
  },
  output: objectFormats,
  args: {
    check: {
      type: "boolean",
      description: "Compare with the newest release; MCPCTL_UPDATE_URL names its folder",
    },
  },
  async run(args, context) {
    const print = await dataPrinter(context.flags.output);
    // First: without the variable there is nothing to compare with.
    const newest = args.check ? await newestVersion(context) : undefined;
    const server = await serverVersion(context);
    if (print) context.terminal.out(print({ client, server: server ?? null, ...(newest && { newest }) }));
    else {
      context.terminal.out(`client: ${versionLine(client)}\n`);
      if (server) context.terminal.out(`server: ${escapeLine(versionLine(server))}\n`);
      if (newest)
        context.terminal.out(
          `newest release: ${newest.version}${newest.isNewer ? "; to install it: mcpctl upgrade" : ""}\n`,
        );
    }
    if (server) warnAboutSkew(server, context.terminal);
  },
});

/** The newest release, and if it is newer than this program. */
async function newestVersion(
  context: Context,
): Promise<{ version: string; isNewer: boolean; signed: boolean }> {
  const { newestRelease } = await import("./upgrade/release.ts");
  const { version: newest, signed } = await newestRelease(context);
  return { version: newest, isNewer: Bun.semver.order(newest, client.version) > 0, signed };
}

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
