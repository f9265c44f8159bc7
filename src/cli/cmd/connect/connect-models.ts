import { rmSync } from "node:fs";
import { AppError } from "../../../errors.ts";
import type { Context } from "../../core/context.ts";
import { warn } from "../../core/failure.ts";
import { warnOnTheWay } from "../../core/plain-http.ts";
import { clientAddress, clientAt } from "./address.ts";
import type { ClientPlaces, ConnectClient, FileSettings, ModelAccess, ModelUse } from "./client.ts";
import { planSettings, writePlanned } from "./client-settings.ts";
import { readConnection, removeConnection, writeConnection } from "./connection.ts";
import { findModel, rightsOf } from "./model-access.ts";
import { callModel } from "./test-call.ts";
import { withValue } from "./texts/values.ts";
import { type OpenToken, openToken, removeToken, sayMade, tokenFile } from "./tokens.ts";

/** The words of a command line about the models of a client. */
export interface ModelOptions {
  llm: string | undefined;
  url: string | undefined;
  ttl: number | undefined;
  isPrinted: boolean;
  isTested: boolean;
}

/**
 * Lets a client use a model of the server: makes a token for it, makes one call with it, and writes the client's settings.
 * If a step fails, everything is as it was.
 *
 * @throws AppError
 */
export async function connectModels(
  { name, title, models, caVariable }: ConnectClient & { models: ModelUse },
  options: ModelOptions,
  context: Context,
): Promise<void> {
  const { terminal, home, env } = context;
  const places = placesOf(context, title);
  const address = await clientAddress(context, options.url);
  const model = await findModel(context, options.llm);
  const rights = await rightsOf(context, model);
  const server = (await context.client()).endpoint.url;
  const earlier = readConnection(home, name);
  const file = tokenFile(home, server, `${name}-models`, "");
  const access = (token: string): ModelAccess => ({
    url: address,
    model: model.name,
    token,
    tokenFile: file,
    ownFile: file.replace(/\.token$/, ".settings"),
    ...(model.context !== undefined && { context: model.context }),
  });
  const plan = (wanted: readonly FileSettings[]) =>
    planSettings(wanted, options.isPrinted ? [] : (earlier?.changes ?? []), places, home);
  // All that can be refused is refused before a token is made.
  if (!options.isPrinted) plan(models.files?.(access("x"), places) ?? []);
  warnOnTheWay(address, "the token", terminal);

  const isSame = earlier?.server === server && Bun.deepEquals(earlier.rights, rights);
  const request = {
    file,
    client: name,
    words: model.name,
    description: `${title} on this machine, made by mcpctl connect`,
    rights,
    ttl: options.ttl,
  };
  const token = await openToken(context, request, isSame || options.isPrinted);
  try {
    if (options.isTested) await test(context, address, token, models, model.name);
    await token.keep();
  } catch (error) {
    if (token.isNew) await token.discard().catch(() => undefined);
    throw error;
  }
  if (token.isNew) sayMade(terminal, token, request);
  const settings = models.files?.(access(token.bearer), places) ?? [];
  if (options.isPrinted) terminal.data(printed(settings));
  else {
    const files = plan(settings);
    const changes = files.flatMap((one) => one.changes);
    // First, so that it can be undone also where the next steps fail.
    writeConnection(home, { client: name, server, model: model.name, rights, tokenFile: file, changes });
    let written = 0;
    for (const one of files) {
      const holdsToken = one.text.includes(token.bearer);
      let outcome: ReturnType<typeof writePlanned>;
      try {
        outcome = writePlanned(one, holdsToken);
        written++;
      } catch (error) {
        if (earlier !== undefined || written > 0) throw undoable(error, name);
        await removeToken(context, file);
        removeConnection(home, name);
        throw error;
      }
      const { line, backup } = outcome;
      terminal.out(`${line}\n`);
      if (backup !== undefined) terminal.err(`the old file is ${backup}\n`);
      if (holdsToken) terminal.err(`the token is in it, so only you can read it\n`);
    }
    if (earlier && earlier.tokenFile !== file) await removeToken(context, earlier.tokenFile);
  }
  const { snippet } = models;
  if (snippet) terminal.data(snippet(access(token.bearer)));
  for (const variable of models.overriddenBy ?? [])
    if (env[variable]) warn(terminal, `${variable} is set here, and ${title} prefers it to these settings`);
  const { caFile } = (await context.client()).endpoint;
  if (caFile !== undefined && address.startsWith("https:") && (!caVariable || !env[caVariable]))
    warn(
      terminal,
      caVariable
        ? `${title} must trust the server's certificate: set ${caVariable}=${caFile} for it`
        : `${title} must trust the server's certificate: add ${caFile} to the certificates of the system`,
    );
  terminal.err(`next: ${models.next(access(token.bearer))}\n`);
  if (!options.isPrinted) terminal.err(`to undo it: mcpctl connect ${name} --remove\n`);
}

/** An error after which some files are written, and others are not. */
function undoable(error: unknown, client: string): unknown {
  if (!(error instanceof AppError)) return error;
  const hint = `mend that, and run it again; or undo it: mcpctl connect ${client} --remove`;
  return new AppError(error.code, error.message, { cause: error, hint });
}

async function test(
  context: Context,
  address: string,
  token: OpenToken,
  { dialect }: ModelUse,
  model: string,
): Promise<void> {
  const client = await clientAt(context, address, token.bearer);
  try {
    const time = await callModel(client, dialect, model);
    context.terminal.err(`tested: ${model} answered in ${time}\n`);
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted") throw error;
    throw new AppError(error.code, `the test call of ${model} failed: ${error.message}`, {
      cause: error,
      hint: `nothing was changed; --skip-test connects without a call${error.hint === undefined ? "" : `. ${error.hint}`}`,
    });
  }
}

/** Takes out what `connectModels` has put into the client's files, and revokes the token. */
export async function disconnectModels({ name, title }: ConnectClient, context: Context): Promise<void> {
  const { terminal, home } = context;
  const connection = readConnection(home, name);
  if (!connection) {
    terminal.out(`${title} is not connected to a model\n`);
    // A connect that was killed after it had made the token has written nothing else.
    const { url } = (await context.client()).endpoint;
    const left = await removeToken(context, tokenFile(home, url, `${name}-models`, ""));
    if (left !== undefined) terminal.out(`token '${left}' deleted\n`);
    return;
  }
  for (const one of planSettings([], connection.changes, placesOf(context, title), home)) {
    terminal.out(`${writePlanned(one, false).line}\n`);
    for (const value of one.kept)
      warn(terminal, `${value} in ${one.file.path} was changed meanwhile, and stays as it is`);
  }
  const { tokenFile: file } = connection;
  const token = await removeToken(context, file);
  if (token !== undefined) terminal.out(`token '${token}' deleted\n`);
  removeConnection(home, name);
  rmSync(file, { force: true });
}

/** Returns settings as they stand in files that hold nothing else. */
function printed(settings: readonly FileSettings[]): string {
  return settings
    .map(({ file, format, settings: values, newFile = "" }) => {
      const set = values.filter(({ value }) => value !== undefined);
      return `# ${file}\n${set.reduce((text, { path, value }) => withValue(format, text, path, value), newFile)}`;
    })
    .join("\n");
}

/** Returns the folders of the client's files. Throws AppError if the user has no home. */
export function placesOf({ cwd, env }: Context, title: string): ClientPlaces {
  const home = env["HOME"];
  if (!home)
    throw new AppError("invalid_request", `HOME is not set, so the file of ${title} cannot be found`);
  return { cwd, home, env, platform: process.platform };
}
