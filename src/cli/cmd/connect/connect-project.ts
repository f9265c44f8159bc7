import { realpathSync, rmSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { serverUrl } from "../../client/endpoint.ts";
import { assertExists } from "../../client/objects.ts";
import type { Context } from "../../core/context.ts";
import { warnOnTheWay } from "../../core/plain-http.ts";
import { clientAt } from "./address.ts";
import type { ClientEntry, ConnectClient, McpUse, TokenSource } from "./client.ts";
import { type ClientFile, readClientFile, writeClientFile } from "./client-file.ts";
import { folderOf } from "./client-settings.ts";
import { placesOf } from "./connect-models.ts";
import { entryText, withEntry, withoutEntry } from "./mcp-entry.ts";
import { listTools } from "./test-call.ts";
import { isEmptyText } from "./texts/values.ts";
import {
  type ClientTokenRequest,
  type OpenToken,
  openToken,
  removeToken,
  sayMade,
  tokenFile,
} from "./tokens.ts";

/** The words of a command line about the MCP servers of a client. */
export interface ProjectOptions {
  project: string;
  /** The name of the entry in the client's file. */
  name: string;
  isForUser: boolean;
  isProgram: boolean;
  variable: string | undefined;
  url: string | undefined;
  ttl: number | undefined;
  isPrinted: boolean;
  isTested: boolean;
}

type McpClient = ConnectClient & { mcp: McpUse };

/**
 * Lets a client use the MCP servers of a project: makes a token that may run it, and writes an entry into the client's
 * file.
 *
 * @throws AppError
 */
export async function connectProject(
  client: McpClient,
  options: ProjectOptions,
  context: Context,
): Promise<void> {
  const { terminal, flags } = context;
  const { project, name, variable } = options;
  const { mcp } = client;
  if (variable !== undefined && !mcp.tokens.includes("variable"))
    throw new AppError("usage", `${client.title} reads no token from a variable`, {
      hint: "without --token-env it starts mcpctl mcp, which reads it from a file",
    });
  const file = fileOf(client, options, context);
  // All that can be refused is refused before a token is made.
  explaining(client, file, undefined, () => withEntry(mcp, file.text, name, mcp.program("mcpctl", [])));
  let made: OpenToken | undefined;
  let request: ClientTokenRequest | undefined;
  let token: TokenSource;
  if (variable !== undefined) token = { variable };
  else if (flags.tokenFile !== undefined) token = { file: resolve(context.cwd, flags.tokenFile) };
  else {
    await assertExists(kindOf("project"), project, context);
    const path = await tokenFileOf(client, file.path, project, context);
    request = {
      file: path,
      client: client.name,
      words: project,
      description: `${client.name} on this machine: ${file.path}`,
      rights: [{ role: "run", resource: "projects", name: project }],
      ttl: options.ttl,
    };
    made = await openToken(context, request, true);
    token = { file: path };
  }
  try {
    const entry = await entryOf(client, options, token, context);
    if (made && options.isTested) await test(context, options, made);
    await made?.keep();
    if (made?.isNew && request) sayMade(terminal, made, request);
    const byHand = entryText(mcp, name, entry);
    if (options.isPrinted) {
      terminal.data(byHand);
      return;
    }
    write(
      file,
      explaining(client, file, byHand, () => withEntry(mcp, file.text, name, entry)),
      name,
      context,
    );
  } catch (error) {
    if (made?.isNew) {
      await made.discard().catch(() => undefined);
      if ("file" in token) rmSync(token.file, { force: true });
    }
    throw error;
  }
  if (variable !== undefined)
    terminal.err(
      `the client needs a token in ${variable}: mcpctl create token NAME --bind role:run,resource:projects,name:${project}\n`,
    );
  terminal.err(`next: ${mcp.next}\n`);
  const more = `${options.isForUser ? " --user" : ""}${name === project ? "" : ` --name ${name}`}`;
  terminal.err(`to undo it: mcpctl connect ${client.name} -p ${project}${more} --remove\n`);
}

function write(file: ClientFile, text: string, name: string, { terminal }: Context): void {
  if (text === file.text) {
    terminal.out(`${file.path} unchanged\n`);
    return;
  }
  const backup = writeClientFile(file, text);
  terminal.out(`${file.path} ${file.text === undefined ? "created" : "changed"}: MCP server '${name}'\n`);
  if (backup !== undefined) terminal.err(`the old file is ${backup}\n`);
}

async function test(context: Context, { project, url }: ProjectOptions, token: OpenToken): Promise<void> {
  const { endpoint } = await context.client();
  const client = await clientAt(context, url ?? endpoint.url, token.bearer);
  const count = await listTools(client, project, context.signal).catch((error: Error) => {
    throw new AppError("invalid_request", `the test of project ${project} failed: ${error.message}`, {
      cause: error,
      hint: "nothing was changed; --skip-test connects without a test",
    });
  });
  context.terminal.err(`tested: the project offers ${count} ${count === 1 ? "tool" : "tools"}\n`);
}

/** Takes the entry of a project out of the client's file, and revokes its token. */
export async function disconnectProject(
  client: McpClient,
  options: ProjectOptions,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const { name, project } = options;
  const file = fileOf(client, options, context);
  const text = explaining(client, file, undefined, () => withoutEntry(client.mcp, file.text ?? "", name));
  if (file.text === undefined || text === file.text)
    terminal.out(`${file.path} has no MCP server '${name}'\n`);
  else if (isEmptyText(text) || text === client.mcp.newFile) {
    rmSync(file.path);
    terminal.out(`${file.path} deleted: there was nothing else in it\n`);
  } else {
    writeClientFile(file, text);
    terminal.out(`${file.path} changed: MCP server '${name}' is gone\n`);
  }
  if (options.variable !== undefined || context.flags.tokenFile !== undefined) return;
  const token = await removeToken(context, await tokenFileOf(client, file.path, project, context));
  if (token !== undefined) terminal.out(`token '${token}' deleted\n`);
}

async function tokenFileOf(
  { name }: McpClient,
  file: string,
  project: string,
  context: Context,
): Promise<string> {
  return tokenFile(context.home, (await context.client()).endpoint.url, `${name}-${project}`, file);
}

/** Returns the entry for the client. Over a Unix socket only `mcpctl mcp` reaches the server. */
async function entryOf(
  { mcp }: McpClient,
  { project, isProgram, url }: ProjectOptions,
  token: TokenSource,
  context: Context,
): Promise<ClientEntry> {
  const address = url === undefined ? (await context.client()).endpoint.url : serverUrl(url, "--url");
  const readsToken = "variable" in token || mcp.tokens.includes("file");
  if (!isProgram && readsToken && !address.startsWith("unix:")) {
    warnOnTheWay(address, "the token", context.terminal);
    return mcp.http(`${address}/projects/${project}/mcp`, token);
  }
  if ("variable" in token)
    throw new AppError("usage", "the server is reached through a Unix socket, which the client cannot do", {
      hint: "say its address: --url http://127.0.0.1:7777",
    });
  const args = ["mcp", "-p", project, "--server", address, "--token-file", token.file];
  return mcp.program(ownProgram(context), args);
}

/** Returns the path of this program: the one in PATH if it is the same, because that one survives an upgrade. */
function ownProgram({ env }: Context): string {
  const own = process.execPath;
  const found = Bun.which("mcpctl", { PATH: env["PATH"] ?? "" });
  // Run from source there is no program of that name.
  if (!/mcpctl[^/]*$/.test(own)) return found ?? "mcpctl";
  return found !== null && isAbsolute(found) && realpathSync(found) === realpathSync(own) ? found : own;
}

function fileOf({ title, mcp }: McpClient, { isForUser }: ProjectOptions, context: Context): ClientFile {
  const { cwd } = context;
  const [usual] = mcp.folderFiles;
  if (!isForUser && usual !== undefined) {
    const found = mcp.folderFiles.find((one) => statSync(join(cwd, one), { throwIfNoEntry: false }));
    return readClientFile(join(cwd, found ?? usual), cwd);
  }
  const places = placesOf(context, title);
  const file = mcp.userFile(places);
  return readClientFile(file, folderOf(file, [places.home]));
}

/** Does something with a client's file. A refusal names the file, and the entry to write by hand if it is known. */
function explaining<T>(client: McpClient, file: ClientFile, byHand: string | undefined, what: () => T): T {
  try {
    return what();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const hint = byHand
      ? `it was not changed; add this by hand:\n${byHand}`
      : `it was not changed; to see the entry: mcpctl connect ${client.name} -p PROJECT --print`;
    throw new AppError("invalid_request", `${file.path}: ${error.message}`, { cause: error, hint });
  }
}
