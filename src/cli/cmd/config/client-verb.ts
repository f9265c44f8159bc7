import { realpathSync, rmSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { AppError } from "../../../errors.ts";
import { isName } from "../../../kinds/names.ts";
import { serverUrl } from "../../client/endpoint.ts";
import { type CommandVerb, defineVerb } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { warnOnTheWay } from "../../core/plain-http.ts";
import { entryText, isEmptyText, withEntry, withoutEntry } from "./client-entry.ts";
import { type ClientFile, readClientFile, writeClientFile } from "./client-file.ts";
import { checkProject, ensureToken, removeTokens } from "./client-token.ts";
import { type ClientEntry, type McpClient, shellWord, type TokenSource } from "./mcp-clients.ts";

/** The words of a command line after they were checked. */
interface Options {
  project: string;
  /** The name of the entry in the client's file. */
  name: string;
  llm: string | undefined;
  isForUser: boolean;
  isProgram: boolean;
  variable: string | undefined;
  url: string | undefined;
}

/** Returns the verb that sets one client up: `mcpctl config claude -p PROJECT`. */
export function clientVerb(client: McpClient): CommandVerb {
  const { name, title } = client;
  const where = client.folderFiles.length > 0 ? `${client.folderFiles[0]} of this folder` : "its own file";
  return defineVerb({
    meta: {
      name,
      description: `Let ${title} use the MCP servers of a project`,
      about: `Writes one entry into ${where} and leaves everything else as it is, comments too. The old file stays beside it,
        with .mcpctl-backup at its end. Running it again changes nothing; --remove takes the entry out again.

        It makes a token that may run this project and nothing else, and keeps it in a file of its own in
        ~/.mcpctl/tokens that only you can read: the client's file has no token in it. ${waysOf(client)}`,
      usage: "-p PROJECT [flags]",
      examples: [
        [`mcpctl config ${name} -p website`, `Let ${title} use the project website`],
        [`mcpctl config ${name} -p website --stdout`, "Print the entry, and write no file of the client"],
        [
          `mcpctl config ${name} -p website --token-env MCPCTL_TOKEN`,
          "Name a variable instead, to share the file",
        ],
        [`mcpctl config ${name} -p website --remove`, "Take it out again, and revoke its token"],
      ],
    },
    args: {
      name: {
        type: "string",
        valueHint: "NAME",
        description: "The name of the entry (default: the project)",
      },
      user: { type: "boolean", description: "Write the file that counts in all folders" },
      program: {
        type: "boolean",
        description: 'Let the client start "mcpctl mcp" instead of calling the URL',
      },
      "token-env": {
        type: "string",
        valueHint: "VARIABLE",
        description: "Make no token: the client reads it from this variable of its environment",
      },
      url: { type: "string", valueHint: "URL", description: "The address of the server for the client" },
      llm: {
        type: "string",
        valueHint: "NAME",
        description: client.inference
          ? "Let the token also run this llm, and print how to start the client with it"
          : `Not for ${title}: it takes no server of models from the command line`,
        complete: { kind: "llm" },
      },
      stdout: { type: "boolean", description: "Print the entry, and write no file of the client" },
      remove: { type: "boolean", description: "Take the entry out again, and revoke its token" },
    },
    async run(args, context) {
      const options = optionsOf(client, args, context);
      if (args.remove) return remove(client, options, context);
      return add(client, options, args.stdout, context);
    },
  });
}

function waysOf({ tokens }: McpClient): string {
  return tokens.includes("file")
    ? "The client calls the project's URL and reads the token from that file."
    : 'The client cannot read a file over HTTP, so it starts "mcpctl mcp", which does.';
}

function optionsOf(
  client: McpClient,
  args: { name: string | undefined; user: boolean; program: boolean; "token-env": string | undefined } & {
    url: string | undefined;
    llm: string | undefined;
  },
  { flags }: Context,
): Options {
  const { project } = flags;
  if (!project)
    throw new AppError("usage", "a project is required: -p NAME", {
      hint: "to see them: mcpctl get projects",
    });
  if (!isName(project)) throw new AppError("usage", `"${project}" cannot be the name of a project`);
  const { name = project, llm, user, program, url } = args;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name))
    throw new AppError("usage", `--name ${name}: clients accept letters, digits, _ and -, at most 64`);
  const fault = client.nameFault?.(name);
  if (fault !== undefined)
    throw new AppError("usage", `${client.title} does not take "${name}": ${fault}`, {
      hint: "choose another name for the entry: --name NAME",
    });
  if (llm !== undefined && !client.inference)
    throw new AppError("usage", `${client.title} takes no server of models from the command line`);
  if (llm !== undefined && !isName(llm)) throw new AppError("usage", `"${llm}" cannot be the name of an llm`);
  const variable = args["token-env"];
  if (variable !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable))
    throw new AppError(
      "usage",
      `--token-env ${variable}: write the name of a variable, such as MCPCTL_TOKEN`,
    );
  if (variable !== undefined && (program || flags.tokenFile))
    throw new AppError("usage", "--token-env goes neither with --program nor with --token-file");
  return {
    project,
    name,
    llm,
    isForUser: user,
    isProgram: program,
    variable,
    url: url === undefined ? undefined : serverUrl(url, "--url"),
  };
}

async function add(client: McpClient, options: Options, toStdout: boolean, context: Context): Promise<void> {
  const { terminal, flags } = context;
  const { project, name, llm, variable } = options;
  const file = fileOf(client, options, context);
  // All that can be refused is refused before a token is made.
  const sample = client.program("mcpctl", []);
  explaining(client, file, undefined, () => withEntry(client, file.text ?? "", name, sample));
  let made: string | undefined;
  let token: TokenSource;
  if (variable !== undefined) token = { variable };
  else if (flags.tokenFile !== undefined) token = { file: resolve(context.cwd, flags.tokenFile) };
  else {
    await checkProject(context, project);
    const ensured = await ensureToken(context, { client: client.name, file: file.path, project, llm });
    made = ensured.name;
    token = { file: ensured.file };
  }
  const entry = await entryOf(client, options, token, context);
  if (made !== undefined) {
    const rights = `run project ${project}${llm === undefined ? "" : `, llm ${llm}`}`;
    terminal.err(`token '${made}' created (${rights}), in ${"file" in token ? token.file : ""}\n`);
  }
  if (toStdout) {
    terminal.data(entryText(client, name, entry));
    return;
  }
  const byHand = entryText(client, name, entry);
  const text = explaining(client, file, byHand, () => withEntry(client, file.text ?? "", name, entry));
  if (text === file.text) terminal.out(`${file.path} unchanged\n`);
  else {
    const backup = writeClientFile(file, text);
    terminal.out(`${file.path} ${file.text === undefined ? "created" : "changed"}: MCP server '${name}'\n`);
    if (backup !== undefined) terminal.err(`the old file is ${backup}\n`);
  }
  if (variable !== undefined)
    terminal.err(
      `the client needs a token in ${variable}: mcpctl create token NAME --bind role:run,resource:projects,name:${project}\n`,
    );
  terminal.err(`next: ${client.next}\n`);
  if (llm !== undefined) {
    const words = "file" in token ? `"$(cat ${shellWord(token.file)})"` : `"$${token.variable}"`;
    const address = await addressOf(options, context);
    terminal.err(
      address.startsWith("unix:")
        ? `for the llm, which the client cannot reach through a Unix socket, run this again with the server's address: --url http://127.0.0.1:7777\n`
        : `with the llm: ${client.inference!(address, words, llm)}\n`,
    );
  }
}

async function remove(client: McpClient, options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const { name, project } = options;
  const file = fileOf(client, options, context);
  const text = explaining(client, file, undefined, () => withoutEntry(client, file.text ?? "", name));
  if (file.text === undefined || text === file.text)
    terminal.out(`${file.path} has no MCP server '${name}'\n`);
  else if (isEmptyText(text)) {
    rmSync(file.path);
    terminal.out(`${file.path} deleted: there was nothing else in it\n`);
  } else {
    writeClientFile(file, text);
    terminal.out(`${file.path} changed: MCP server '${name}' is gone\n`);
  }
  if (options.variable !== undefined || context.flags.tokenFile !== undefined) return;
  for (const token of await removeTokens(context, { client: client.name, file: file.path, project }))
    terminal.out(`token '${token}' deleted\n`);
}

/** Returns the entry for the client. Over a Unix socket only `mcpctl mcp` reaches the server. */
async function entryOf(
  client: McpClient,
  options: Options,
  token: TokenSource,
  context: Context,
): Promise<ClientEntry> {
  const { project, isProgram } = options;
  const address = await addressOf(options, context);
  const readsToken = "variable" in token || client.tokens.includes("file");
  if (!isProgram && readsToken && !address.startsWith("unix:")) {
    warnOnTheWay(address, "the token", context.terminal);
    return client.http(`${address}/projects/${project}/mcp`, token);
  }
  if ("variable" in token)
    throw new AppError("usage", "the server is reached through a Unix socket, which the client cannot do", {
      hint: "say its address: --url http://127.0.0.1:7777",
    });
  const args = ["mcp", "-p", project, "--server", address, "--token-file", token.file];
  return client.program(ownProgram(context), args);
}

async function addressOf({ url }: Options, context: Context): Promise<string> {
  return url ?? (await context.client()).endpoint.url;
}

/** Returns the path of this program: the one in PATH if it is the same, because that one survives an upgrade. */
function ownProgram({ env }: Context): string {
  const own = process.execPath;
  const found = Bun.which("mcpctl", { PATH: env["PATH"] ?? "" });
  // Run from source there is no program of that name.
  if (!/mcpctl[^/]*$/.test(own)) return found ?? "mcpctl";
  return found !== null && isAbsolute(found) && realpathSync(found) === realpathSync(own) ? found : own;
}

function fileOf(client: McpClient, { isForUser }: Options, { cwd, env }: Context): ClientFile {
  const [usual] = client.folderFiles;
  if (!isForUser && usual !== undefined) {
    const found = client.folderFiles.find((one) => statSync(join(cwd, one), { throwIfNoEntry: false }));
    return readClientFile(join(cwd, found ?? usual), cwd);
  }
  const home = env["HOME"];
  if (!home)
    throw new AppError("invalid_request", `HOME is not set, so the file of ${client.title} cannot be found`);
  return readClientFile(client.userFile({ cwd, home, env, platform: process.platform }), undefined);
}

/** Does something with a client's file. A refusal names the file, and the entry to write by hand if it is known. */
function explaining<T>(client: McpClient, file: ClientFile, byHand: string | undefined, what: () => T): T {
  try {
    return what();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const hint = byHand
      ? `it was not changed; add this by hand:\n${byHand}`
      : `it was not changed; to see the entry: mcpctl config ${client.name} -p PROJECT --stdout`;
    throw new AppError("invalid_request", `${file.path}: ${error.message}`, { cause: error, hint });
  }
}
