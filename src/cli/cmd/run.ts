import { basename, isAbsolute, resolve } from "node:path";
import { AppError } from "../../errors.ts";
import type { RoleBinding } from "../../kinds/grants.ts";
import { kindOf } from "../../kinds/index.ts";
import { findProgram } from "../../processes/find-program.ts";
import { ForegroundProgram } from "../../processes/foreground-program.ts";
import { anything } from "../client/answers.ts";
import { assertExists } from "../client/objects.ts";
import { detachedClient } from "../core/api-client.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { someDuration } from "../core/globals.ts";
import { warnOnTheWay } from "../core/plain-http.ts";
import { clientAddress } from "./connect/address.ts";
import type { LaunchAccess } from "./connect/client.ts";
import { connectClients } from "./connect/clients/index.ts";
import { findModel, rightsOf } from "./connect/model-access.ts";
import { makeToken, newTokenName } from "./connect/tokens.ts";
import { TokenLease } from "./run/token-lease.ts";

/** The end of a token before it is renewed; of one that an older server cannot renew. Milliseconds. */
const usualTtl = 24 * 60 * 60 * 1000;

export const run = defineVerb({
  meta: {
    name: "run",
    description: "Start a program that uses the server, with a token that dies with it",
    about: `Makes a token that may run the llms and the project that you name, and nothing else, sets the variables that
      programs and SDKs read (OPENAI_BASE_URL, OPENAI_API_KEY, ANTHROPIC_BASE_URL, ANTHROPIC_AUTH_TOKEN, the names of the
      model, MCPCTL_SERVER and MCPCTL_TOKEN), and starts the program. It has the terminal and gets the signals, and its exit
      code is passed on. When it ends, the token is revoked. As long as it runs, the token is renewed, and expires
      within an hour if mcpctl is killed. With --ttl it is not renewed.

      No file is written. Claude Code, Codex, opencode and aider get what else they need to use the llm, and the first three
      the tools of the project. Other programs find the project's address in MCPCTL_PROJECT_URL.`,
    usage: "[--llm NAME...] [-p PROJECT] -- PROGRAM [ARGUMENT...]",
    examples: [
      ["mcpctl run --llm gpt -- claude", "Work with Claude Code and the llm gpt"],
      ["mcpctl run --llm gpt -p website -- codex", "Codex, with the tools of a project"],
      ["mcpctl run --llm gpt -- python3 hello.py", "Run a program that uses OpenAI's or Anthropic's SDK"],
    ],
  },
  args: {
    command: { type: "positional", multiple: true, required: true, empty: true, valueHint: "PROGRAM" },
    llm: {
      type: "string",
      multiple: true,
      valueHint: "NAME",
      description:
        "An llm, pool or persona that the program may run; the first one is its model (default: the only one)",
      complete: { kind: "llm" },
    },
    url: { type: "string", valueHint: "URL", description: "The address of the server for the program" },
    ttl: {
      type: "string",
      valueHint: "TIME",
      description: "The longest that the program may call the server (default: until it ends)",
    },
  },
  async run({ command, llm, url, ttl }, context) {
    const { env, cwd, terminal, flags } = context;
    const [word = "", ...given] = command;
    const program = findProgram(word.includes("/") ? resolve(cwd, word) : word, env["PATH"] ?? "");
    if (program === undefined || !isAbsolute(program))
      throw new AppError("not_found", `there is no program "${word}"`, {
        hint: "give its name, if it is in PATH, or its path",
      });
    const { project } = flags;
    if (project !== undefined) await assertExists(kindOf("project"), project, context);
    const time = ttl === undefined ? usualTtl : someDuration("--ttl", ttl);
    const address = await clientAddress(context, url);
    warnOnTheWay(address, "the token", terminal);
    const models = [];
    for (const name of llm.length > 0 ? llm : [undefined]) models.push(await findModel(context, name));
    const rights = (await Promise.all(models.map((model) => rightsOf(context, model)))).flat();
    if (project !== undefined) rights.push({ role: "run", resource: "projects", name: project });
    const foreground = new ForegroundProgram(terminal.inIsTerminal);
    try {
      const name = newTokenName({ client: "run", words: basename(program) });
      const bearer = await makeToken(context, name, {
        description: `${basename(program)}, started by mcpctl run`,
        rights: unique(rights),
        ttl: time,
      });
      const leaving = new AbortController();
      const lease = new TokenLease(await detachedClient(context, leaving.signal), name, Date.now);
      if (ttl === undefined) lease.start();
      try {
        const [{ name: model, context: size }] = models as [(typeof models)[0]];
        const access: LaunchAccess = {
          url: address,
          model,
          ...(size !== undefined && { context: size }),
          ...(project !== undefined && { project }),
        };
        const own = launchOf(program, access);
        const { caFile } = (await context.client()).endpoint;
        await terminal.drain();
        return await foreground.run([program, ...(own.args ?? []), ...given], {
          cwd,
          env: { ...env, ...trust(program, caFile, env), ...variables(access, bearer), ...own.env },
        });
      } finally {
        leaving.abort();
        await lease.stop();
        await revokeQuietly(context, name);
      }
    } finally {
      foreground.release();
    }
  },
});

/** Returns what a known program needs beside the variables. */
function launchOf(program: string, access: LaunchAccess) {
  return connectClients.find(({ name }) => name === basename(program))?.launch?.(access) ?? {};
}

/**
 * The variables for the authority of the server, if it is one of its own. SSL_CERT_FILE, which would take the place of all
 * other authorities, is only set for a program that is known to need it.
 */
function trust(program: string, caFile: string | undefined, env: Context["env"]): Record<string, string> {
  if (caFile === undefined) return {};
  const own = connectClients.find(({ name }) => name === basename(program))?.caVariable;
  const names = [...new Set(["NODE_EXTRA_CA_CERTS", ...(own ? [own] : [])])];
  return Object.fromEntries(names.filter((name) => !env[name]).map((name) => [name, caFile]));
}

/** The variables that programs and SDKs read. Undefined takes one away that would be preferred, or is the user's own. */
function variables(
  { url, model, project }: LaunchAccess,
  bearer: string,
): Record<string, string | undefined> {
  return {
    OPENAI_BASE_URL: `${url}/v1`,
    // The name in LiteLLM, aider and older SDKs.
    OPENAI_API_BASE: `${url}/v1`,
    OPENAI_API_KEY: bearer,
    OPENAI_MODEL: model,
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_AUTH_TOKEN: bearer,
    ANTHROPIC_API_KEY: undefined,
    ANTHROPIC_MODEL: model,
    ANTHROPIC_DEFAULT_OPUS_MODEL: model,
    ANTHROPIC_DEFAULT_SONNET_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    MCPCTL_SERVER: url,
    MCPCTL_TOKEN: bearer,
    MCPCTL_DATABASE_URL: undefined,
    ...(project !== undefined && { MCPCTL_PROJECT_URL: `${url}/projects/${project}/mcp` }),
  };
}

/** Revokes the token, also after Ctrl-C. */
async function revokeQuietly(context: Context, name: string): Promise<void> {
  const client = await detachedClient(context);
  try {
    await client.call("DELETE", `/api/v1/tokens/${name}`, { answer: anything });
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return;
    warn(context.terminal, `token '${name}' is still valid until it expires: ${(error as Error).message}`);
  }
}

function unique(rights: readonly RoleBinding[]): RoleBinding[] {
  return [...new Map(rights.map((right) => [JSON.stringify(right), right])).values()];
}
