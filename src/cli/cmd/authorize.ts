import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { isObject } from "../../wire/json.ts";
import { escapeLine } from "../../wire/text.ts";
import { unexpectedAnswer } from "../client/answer-text.ts";
import { objectOf } from "../client/answers.ts";
import { answerShape } from "../client/shape.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { secretValues } from "../flags/secret-values.ts";
import { resolveObject } from "../kinds/resolve-kind.ts";
import { resultFormat, resultFormats, verbResultText } from "../manifest/write-result.ts";
import { plain } from "../output/cells.ts";
import { openBrowser } from "../terminal/browser.ts";
import { accessAt, accessPath, withCalledName } from "./authorize/access.ts";
import { type Loopback, listenForAnswer } from "./authorize/loopback.ts";
import { askedKeys, type Wanted, WantedKeys } from "./authorize/user-keys.ts";

const text = (maxLength: number) => Type.String({ maxLength });
const startedAnswer = answerShape(
  Type.Union([
    Type.Object({ url: text(16_384), state: text(200), issuer: text(2000), until: text(100) }),
    WantedKeys,
    Type.Null(),
  ]),
);
type Started = { url: string; state: string; issuer: string; until: string };

/** Milliseconds between two looks whether the answer has reached the server. */
const lookTime = 1000;

/** The address to which a browser is sent in vain, for a person who copies it from there. */
const nowhere = "http://127.0.0.1:1/callback";

/** `mcpctl authorize server NAME` */
export const authorize = defineVerb({
  meta: {
    name: "authorize",
    description: "Give mcpctl access to an MCP server that wants a login, or a key of each user",
    about: `Some MCP servers elsewhere want a person to log in. This prints the page on which you do that, waits for the answer on
      this machine, and hands it to the server of mcpctl, which gets the tokens, keeps them as it keeps secrets, and renews
      them. The tokens never come to this machine.

      Where the browser is on another machine, use --paste: after the login the browser shows a page that it cannot load,
      whose address you copy. With --callback the answer goes straight to the server of mcpctl, which needs a public https URL.

      A server whose env or headers have user://KEY wants a key of each of its users instead. On a terminal this asks for
      yours; in scripts give it with --data. Your calls alone have it.

      A server with "sharing: shared" has one access for everybody, and giving it needs edit on the server. Otherwise each
      user gives their own. To take it back: mcpctl deauthorize server NAME.`,
    usage: "server NAME [flags]",
    examples: [
      ["mcpctl authorize server notion", "Print the page to log in, and wait"],
      ["mcpctl authorize server notion --browser", "Open the page in the browser"],
      ["mcpctl authorize server notion --paste", "Log in with a browser of another machine"],
      ["mcpctl authorize server tracker --data token=-", "Give your own key, from standard input"],
    ],
  },
  output: resultFormats,
  args: {
    kind: { type: "positional", description: "server, or server/NAME", complete: ["server"] },
    name: { type: "positional", required: false, description: "The name", complete: { kind: "server" } },
    data: {
      type: "string",
      multiple: true,
      valueHint: "K=V",
      description: "A key of yours and its value; K=@file reads a file, K=- reads standard input or asks",
    },
    browser: { type: "boolean", description: "Open the page in the browser of this machine" },
    paste: { type: "boolean", description: "Ask for the address that the browser was sent to" },
    callback: { type: "boolean", description: "Let the browser send the answer to the server of mcpctl" },
    port: {
      type: "string",
      valueHint: "PORT",
      description:
        "The port of this machine on which to wait (default: any); clients registered by hand may need it",
    },
  },
  async run(args, context) {
    const { terminal } = context;
    const { kind, name } = serverIn(args.kind, args.name, "authorize");
    if (args.paste && args.callback) throw new AppError("usage", "--paste and --callback exclude each other");
    const port = portIn(args.port);
    const given = args.data;
    if (given.length > 0 && (args.paste || args.callback || args.browser || args.port !== undefined))
      throw new AppError("usage", "--data is for servers that want a key, and the other flags for a login");
    const format = resultFormat(context.flags);
    const client = await context.client();
    const path = accessPath(name);
    const withName = async (error: unknown) => {
      throw await withCalledName(error, name, client);
    };
    const write = (object: Resource, line: string) =>
      terminal.out(verbResultText(format, { data: object, name: `server/${name}`, line }));
    const give = async (keys: Readonly<Record<string, string>>) => {
      const put = client.call("PUT", path, { body: { keys }, answer: objectOf(kind) });
      write(await put.catch(withName), `server '${name}' has your ${Object.keys(keys).join(", ")}`);
    };
    if (given.length > 0) return give(await secretValues(given, context));
    let started: Started | undefined;
    const loopback =
      args.paste || args.callback
        ? undefined
        : listenForAnswer(port, (state) => started !== undefined && state === started.state);
    try {
      const redirectUri = args.callback ? undefined : (loopback?.redirectUri ?? nowhere);
      const before = args.callback ? await accessAt(client, name) : undefined;
      const body = { ...(redirectUri && { redirectUri }) };
      const begun = (await client.call("POST", path, { body, answer: startedAnswer }).catch(withName)) as
        | Started
        | Wanted
        | null;
      if (begun && "keys" in begun) return await give(await askedKeys(begun, name, context));
      started = begun ?? undefined;
      let object: Resource;
      if (!started) object = await accessAt(client, name);
      else {
        show(started, args.browser === true, context);
        if (before) object = await untilAnswered(() => accessAt(client, name), before, started, context);
        else {
          const answer = await answerOf(loopback, started, context);
          object = await client.call("POST", `${path}/answer`, { body: answer, answer: objectOf(kind) });
        }
      }
      write(object, `server '${name}' authorized${by(object)}`);
    } finally {
      loopback?.close();
    }
  },
});

/** Returns the server of `server NAME` or `server/NAME`. */
export function serverIn(word: string, name: string | undefined, verb: string) {
  const found = resolveObject(name === undefined ? [word] : [word, name]);
  if (found.kind === kindOf("server")) return found;
  throw new AppError("usage", `${found.kind.plural} want no login`, {
    hint: `write: mcpctl ${verb} server NAME`,
  });
}

function portIn(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port > 0 && port < 65_536) return port;
  throw new AppError("usage", `--port: "${text}" is no port`);
}

/** Shows the page. It goes to stdout, so that a script finds it. */
function show({ url, issuer }: Started, opens: boolean, { terminal, env, flags }: Context): void {
  const page = URL.parse(url);
  if (!page || (page.protocol !== "https:" && page.protocol !== "http:"))
    throw unexpectedAnswer("its page for the login is not an https address");
  const isOpen = opens && openBrowser(page, env);
  terminal.err(
    `${isOpen ? "The browser opens this page" : "Open this page"}, and log in at ${escapeLine(issuer)}:\n`,
  );
  const write = flags.output === undefined ? terminal.out : terminal.err;
  write.call(terminal, `${page.href}\n`);
}

/** Returns the parameters with which the browser was sent back. */
async function answerOf(
  loopback: Loopback | undefined,
  { state, until }: Started,
  { terminal, signal, now }: Context,
): Promise<Record<string, string>> {
  if (!loopback) return pastedAnswer(state, terminal);
  const left = Math.max(1000, Date.parse(until) - now());
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => over.reject(new AppError("timed_out", "nobody has logged in in time", { hint: "begin again" })),
    Number.isFinite(left) ? left : 600_000,
  );
  const stop = () => over.reject(new AppError("interrupted", "interrupted"));
  signal.addEventListener("abort", stop, { once: true });
  try {
    return parametersOf(await Promise.race([loopback.answer, over.promise]));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

async function pastedAnswer(state: string, terminal: Context["terminal"]): Promise<Record<string, string>> {
  const line = terminal.inIsTerminal
    ? await terminal.prompt("The address that the browser shows after the login: ")
    : await terminal.readStdin();
  const given = line.trim();
  const query = given.includes("?") ? given.slice(given.indexOf("?") + 1) : given;
  const parameters = new URLSearchParams(query.replace(/#.*$/, ""));
  if (parameters.get("state") === state) return parametersOf(parameters);
  throw new AppError(
    "usage",
    parameters.has("state") ? "this is the address of another login" : "this address has no code",
    { hint: "copy the whole address, which begins with http://127.0.0.1" },
  );
}

function parametersOf(parameters: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    ["code", "state", "iss", "error"].flatMap((name) => {
      const value = parameters.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}

/** Waits until the browser has brought the answer to the server. */
async function untilAnswered(
  read: () => Promise<Resource>,
  before: Resource,
  { until }: Started,
  context: Context,
): Promise<Resource> {
  const seen = accessOf(before);
  for (;;) {
    if (context.signal.aborted) throw new AppError("interrupted", "interrupted");
    const object = await read();
    const access = accessOf(object);
    if (access["status"] === "authorized" && access["authorizedAt"] !== seen["authorizedAt"]) return object;
    const problem = access["problem"];
    if (typeof problem === "string") throw new AppError("provider_error", escapeLine(problem));
    if (context.now() > Date.parse(until))
      throw new AppError("timed_out", "nobody has logged in in time", { hint: "begin again" });
    await Bun.sleep(lookTime);
  }
}

function accessOf({ authorization }: Resource): Record<string, unknown> {
  return isObject(authorization) ? authorization : {};
}

function by(object: Resource): string {
  const { by: user, expiresAt, renews } = accessOf(object);
  const end = typeof expiresAt === "string" && renews !== true ? `, until ${plain(expiresAt)}` : "";
  return `${typeof user === "string" ? ` by ${plain(user)}` : ""}${end}`;
}
