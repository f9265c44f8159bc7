import { homedir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { findKind } from "../../kinds/index.ts";
import { nearest } from "../../kinds/names.ts";
import { escapeLine } from "../../wire/text.ts";
import type { ApiClient } from "../client/client.ts";
import { assertPrints } from "../output/format.ts";
import { safeTerminal } from "../terminal/safe-terminal.ts";
import type { Terminal, TerminalDevice } from "../terminal/terminal.ts";
import { clientFor } from "./api-client.ts";
import type { Args, Commands, CommandVerb, Value } from "./command.ts";
import type { Context } from "./context.ts";
import { reportFailure, warn } from "./failure.ts";
import { globalArgs, globalFlags, wantsColor } from "./globals.ts";
import { aliasesOf, firstWord, flagsIn, parse, WordsError, wordsOf } from "./parse.ts";

/** Everything outside the process. A test passes its own. */
export interface World {
  terminal: TerminalDevice;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Fires on Ctrl-C. */
  signal: AbortSignal;
  /** Fires when the reader of stdout has gone. Verbs that change something go on. */
  readerGone?: AbortSignal;
  now?: () => number;
  fetch?: typeof fetch;
}

type SafeWorld = World & { terminal: Terminal };
type Values = Record<string, Value>;

const rootArgs = {
  ...globalArgs,
  version: { type: "boolean", description: "Show the version" },
} as const satisfies Args;

/**
 * Runs one command line and writes failures to stderr. Never ends the process.
 *
 * @param argv the words after `mcpctl`
 * @returns the exit code
 */
export async function runMain(argv: readonly string[], commands: Commands, world: World): Promise<number> {
  const terminal = safeTerminal(world.terminal);
  const safeWorld = { ...world, terminal };
  setColors(safeWorld, undefined);
  try {
    const code = await dispatch(argv, commands, safeWorld);
    await terminal.drain();
    return code;
  } catch (error) {
    const code = reportFailure(error, terminal, argv.includes("-v") || argv.includes("--verbose"));
    await terminal.drain().catch(() => {});
    return code;
  }
}

async function dispatch(argv: readonly string[], commands: Commands, world: SafeWorld): Promise<number> {
  const { verb, path, before, rest } = await findVerb(argv, commands);
  setColors(world, before["color"]);
  if (!verb) return root(before, commands, world.terminal);

  const known = { ...globalArgs, ...verb.args };
  const early = merged(before, flagsIn(rest, globalArgs));
  const words = wordsOf(rest, known);
  const more = await verb.moreArgs?.(words, contextOf(world, early));
  const args = { ...verb.args, ...more };
  if (!verb.act || early["help"]) {
    const { verbHelp } = await import("./help.ts");
    const meta = { ...verb.meta, ...(await verb.metaFor?.(words)) };
    world.terminal.out(verbHelp(path, { ...verb, meta }, args));
    return 0;
  }
  // A verb that can have a dry run changes something: it is not left half done because nobody reads what it prints.
  const { readerGone } = world;
  const stops = readerGone !== undefined && !("dry-run" in args);
  const signal = stops ? AbortSignal.any([world.signal, readerGone]) : world.signal;
  const output = early["output"];
  if (typeof output === "string" && !("output" in args)) assertPrints(path, verb, output);
  try {
    const values = parse(rest, { ...globalArgs, ...args });
    // A verb may have its own --timeout, which is not the global flag of that name.
    const globals = Object.entries(values).filter(([name]) => name in globalArgs && !(name in args));
    const flags = { ...merged(before, Object.fromEntries(globals)), ...takeServer(values, args) };
    setColors(world, flags["color"]);
    return (await verb.act(values, contextOf({ ...world, signal }, flags), commands)) ?? 0;
  } catch (error) {
    if (stops && world.terminal.closed) return 0;
    // With the kind, where the flags depend on it.
    const full = Object.keys(more ?? {}).length > 0 ? `${path} ${words[0]}` : path;
    if (error instanceof WordsError && error.hint === undefined) {
      const { usageLine } = await import("./help.ts");
      const meta = { ...verb.meta, ...(await verb.metaFor?.(words)) };
      const usage = usageLine(path, { ...verb, meta }, args).replace(/^Usage: */, "");
      throw new AppError("usage", error.message, {
        hint: `write: ${usage}; for help: mcpctl ${full} --help`,
      });
    }
    throw withUsageHint(error, full);
  }
}

/**
 * Takes the addresses out of a flag that was once called --server and holds names: they are meant for the global flag.
 *
 * @returns the last address as the global flag
 */
function takeServer(values: Values, args: Args): Values {
  for (const [name, arg] of Object.entries(args)) {
    const given = values[name];
    if (!aliasesOf(arg).includes("server") || !Array.isArray(given)) continue;
    const isAddress = (text: string) => /^(https?|unix):\/\//i.test(text);
    values[name] = given.filter((text) => !isAddress(text));
    const server = given.findLast(isAddress);
    if (server !== undefined) return { server };
  }
  return {};
}

/**
 * Follows the words to the verb they name, with global flags before and between them. After a verb that also runs by
 * itself only the very next word can name another one: later words may be values of its flags.
 */
async function findVerb(argv: readonly string[], commands: Commands) {
  let level: Commands | undefined = commands;
  let verb: CommandVerb | undefined;
  let rest = [...argv];
  let before: Values = {};
  const path: string[] = [];
  while (level) {
    const acts = verb?.act !== undefined;
    const at = acts ? nextWord(rest) : firstWord(rest, rootArgs);
    if (acts && at === undefined) break;
    before = merged(before, parse(rest.slice(0, at), rootArgs));
    if (at === undefined) break;
    const word = rest[at]!;
    if (!Object.hasOwn(level, word)) throw unknownVerb(word, path, level);
    verb = await level[word]!.load();
    path.push(word);
    rest = rest.slice(at + 1);
    level = verb.verbs;
  }
  return { verb, path: path.join(" "), before, rest };
}

/** 0 if the first word is no flag; undefined otherwise. */
function nextWord([first]: readonly string[]): number | undefined {
  return first === undefined || first.startsWith("-") ? undefined : 0;
}

async function root(flags: Values, commands: Commands, terminal: Terminal): Promise<number> {
  if ((flags["version"] || flags["verbose"]) && !flags["help"]) {
    const { versionLine } = await import("../../version.ts");
    terminal.out(`${versionLine()}\n`);
  } else terminal.out((await import("./help.ts")).rootHelp(commands));
  return 0;
}

/** Two sets of values. Those that were given in the second win. */
function merged(first: Values, second: Values): Values {
  const set = Object.entries(second).filter(([, value]) => value !== undefined && value !== false);
  return { ...first, ...Object.fromEntries(set) };
}

function contextOf(world: SafeWorld, values: Values): Context {
  const { terminal, env, cwd, signal } = world;
  const flags = globalFlags(values);
  let client: Promise<ApiClient> | undefined;
  const withFetch = world.fetch ? { fetch: world.fetch } : {};
  const connect = async (caCert?: string) => {
    const { resolveEndpoint } = await import("../client/endpoint.ts");
    const endpoint = await resolveEndpoint(caCert === undefined ? context : { ...context, caCert });
    if (endpoint.warning) warn(terminal, endpoint.warning);
    const { actingAs } = endpoint;
    if (actingAs) {
      terminal.actingAs = actingAs.user;
      if (terminal.errIsTerminal)
        terminal.err(`acting as ${escapeLine(actingAs.user)}; you are ${escapeLine(actingAs.by)}\n`);
    }
    return clientFor(endpoint, context, withFetch);
  };
  const connectTo = async ({ server, token }: { server: string; token?: string }) => {
    const { resolveEndpoint } = await import("../client/endpoint.ts");
    // The context's other settings for the server hold, such as its certificates.
    const { url, ca } = await resolveEndpoint({ ...context, env: {}, flags: { ...flags, server } });
    const found = { url, ...(token !== undefined && { token }), ...(ca && { ca }) };
    return clientFor(found, context, withFetch);
  };
  /** Finds out first who is acting, so that each question says it. */
  const prompt: Terminal["prompt"] = async (question, hidden) => {
    const { readImpersonation } = await import("../client/impersonation.ts");
    if (readImpersonation(context.home)) await context.client();
    return terminal.prompt(question, hidden);
  };
  const context: Context = {
    terminal: Object.assign(Object.create(terminal) as Terminal, { prompt }),
    env,
    cwd,
    // Read when it is needed: help, and commands that are given server and token, need none.
    get home() {
      return env["MCPCTL_HOME"] || join(env["HOME"] || userHome(), ".mcpctl");
    },
    flags,
    now: world.now ?? Date.now,
    signal,
    client(instead) {
      if (instead) return "caCert" in instead ? connect(instead.caCert) : connectTo(instead);
      client ??= connect();
      return client;
    },
  };
  return context;
}

/** The home that the system knows. Throws AppError if it knows none, as in a container that runs as any user. */
function userHome(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new AppError("invalid_request", "this user has no home, and HOME is not set", {
      cause,
      hint: "set HOME or MCPCTL_HOME; none is needed with --server and --token-file, or for a server with --data-dir",
    });
  }
}

function setColors({ terminal, env }: SafeWorld, value: Value): void {
  const choice = typeof value === "string" ? value : undefined;
  terminal.color = wantsColor(choice, env, terminal.outIsTerminal);
  terminal.errColor = wantsColor(choice, env, terminal.errIsTerminal);
}

function unknownVerb(word: string, path: readonly string[], level: Commands): AppError {
  const shown = Object.keys(level).filter((name) => !level[name]!.hidden);
  const meant = path.length === 0 ? meantBy(word) : undefined;
  if (meant !== undefined)
    return new AppError("usage", `unknown verb "${word}"`, { hint: `write: mcpctl ${meant}` });
  const near = nearest(word, shown) ?? shown.find((name) => name.startsWith(word));
  const prefix = ["mcpctl", ...path].join(" ");
  return new AppError("usage", `unknown verb "${word}"`, {
    hint: near
      ? `did you mean "${near}"? Run: ${prefix} ${near} --help`
      : `to see all verbs: ${prefix} --help`,
  });
}

/** Words of other programs, and the verb that does it here. */
const otherWords: Readonly<Record<string, string>> = {
  list: "get KIND",
  ls: "get KIND",
  show: "describe KIND NAME",
  info: "describe KIND NAME",
  inspect: "describe KIND NAME",
  rm: "delete KIND NAME",
  remove: "delete KIND NAME",
  del: "delete KIND NAME",
  add: "create KIND NAME",
  new: "create KIND NAME",
  update: "patch KIND NAME FIELD=VALUE",
  set: "patch KIND NAME FIELD=VALUE",
  ask: "chat-llm NAME",
  serve: "server",
  start: "server",
  use: "config use-context NAME",
  env: "help environment",
  man: "help VERB",
};

/** The command that a word of other programs, or the name of a kind, stands for. */
function meantBy(word: string): string | undefined {
  if (Object.hasOwn(otherWords, word)) return otherWords[word];
  const kind = findKind(word);
  return kind && `get ${kind.plural}`;
}

function withUsageHint(error: unknown, path: string): unknown {
  if (!(error instanceof AppError) || error.code !== "usage" || error.hint !== undefined) return error;
  return new AppError("usage", error.message, {
    hint: `for help: mcpctl ${path} --help`,
    ...(error.details && { details: error.details }),
  });
}
