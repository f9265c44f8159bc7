import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const root = join(import.meta.dirname, "../..");

/** The compiled file, as a user downloads it. */
export const binary = join(root, "dist/mcpctl");
mustBeFresh();

/** Takes what is to be done at the end, the last first: `onTestFinished`, where one test needs it. */
export type AtEnd = (what: () => void | Promise<void>) => void;

/** Result of a command line. */
export interface Outcome {
  /** Null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** `~` and, in it, `.mcpctl`; a folder that nobody has used when not given. */
  home?: string;
  env?: Record<string, string>;
  cwd?: string;
  /** Standard input; empty when not given. */
  input?: string | Uint8Array;
  /** Words in front of the program: `setpriv …`, `sh -c …`. */
  before?: readonly string[];
}

/** The answer of a server: the body parsed where it is JSON. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  body: any;
}

export interface BinaryServer {
  url: string;
  pid: number;
  /** `~` of whoever started it. */
  home: string;
  dataDir: string;
  socketPath: string;
  /** Output so far. A server logs on stderr; stdout is for data, of which it has none. */
  said: { stdout: string; stderr: string };
  /** Returns when its log has something like this. Throws when it ends without. */
  logs(pattern: RegExp): Promise<void>;
  /** A command line of the same user, on the same host. */
  run(line: string | readonly string[], options?: RunOptions): Promise<Outcome>;
  /** A call through the Unix socket, as the administrator. */
  admin(method: string, path: string, body?: unknown): Promise<Answer>;
  /** A call over TCP. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  kill(signal: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | string>;
}

export interface CallOptions {
  bearer?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface ServerOptions {
  home?: string;
  args?: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
  before?: readonly string[];
  /** The log line that says the server listens, with the address and the socket in brackets. */
  started?: RegExp;
  atEnd?: AtEnd;
}

/** A folder of one test's own, gone when it is over. Its path is short: a Unix socket goes into it. */
export function freshFolder(atEnd: AtEnd = onTestFinished): string {
  const folder = mkdtempSync(join(tmpdir(), "mcp-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Nothing of the tests' own surroundings but the way to programs. */
export function cleanEnv(home: string, more: Record<string, string> = {}): Record<string, string> {
  const { PATH = "/usr/bin:/bin", WORKERS } = process.env;
  return { PATH, HOME: home, TMPDIR: tmpdir(), ...(WORKERS && { MCPCTL_WORKERS: WORKERS }), ...more };
}

/** Runs a command line to its end. */
export async function mcpctl(
  line: string | readonly string[],
  options: RunOptions = {},
  atEnd: AtEnd = onTestFinished,
): Promise<Outcome> {
  const { home = freshFolder(atEnd), env, cwd = home, input = "", before = [] } = options;
  const words = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line;
  const running = Bun.spawn([...before, binary, ...words], {
    env: cleanEnv(home, env),
    cwd,
    stdin: typeof input === "string" ? new TextEncoder().encode(input) : input,
    stdout: "pipe",
    stderr: "pipe",
  });
  atEnd(() => running.kill("SIGKILL"));
  const [stdout, stderr] = await Promise.all([textOf(running.stdout), textOf(running.stderr)]);
  await running.exited;
  return { code: running.exitCode, stdout, stderr };
}

/** All of a stream, as text. */
export function textOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return new Response(stream).text();
}

/** The stdout of a command line that is a success. */
export async function must(outcome: Promise<Outcome>): Promise<string> {
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** Starts a server, on a free port unless it is told where; it answers when this returns. It is killed at the end. */
export async function startBinary(options: ServerOptions = {}): Promise<BinaryServer> {
  const { atEnd = onTestFinished } = options;
  const { home = freshFolder(atEnd), args = [], env, cwd = home, before = [] } = options;
  const { started = /listens on (\S+) and (\S+)\n/ } = options;
  const chosen = args.includes("--listen") || env?.["MCPCTL_LISTEN"] !== undefined;
  const words = [...before, binary, "server", ...(chosen ? [] : ["--listen", "127.0.0.1:0"])];
  const running = Bun.spawn([...words, ...args], {
    // Tests read the log as people do.
    env: cleanEnv(home, { MCPCTL_LOG_FORMAT: "text", ...env }),
    cwd,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  const collect = async (from: "stdout" | "stderr") => {
    for await (const text of running[from].pipeThrough(new TextDecoderStream())) {
      said[from] += text;
      for (const listener of listeners) listener();
    }
  };
  const collected = Promise.all([collect("stdout"), collect("stderr")]);
  const ended = running.exited.then(async () => {
    await collected;
    return running.signalCode ?? running.exitCode!;
  });
  atEnd(async () => {
    running.kill("SIGKILL");
    await running.exited;
  });

  const logs = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!pattern.test(said.stderr)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then((code) => reject(new Error(`the server ended with ${code}: ${said.stderr}`)));
    });
  await logs(started);
  const [, url, socketPath] = started.exec(said.stderr)!;
  return {
    url: url!,
    socketPath: socketPath!,
    dataDir: join(socketPath!, ".."),
    home,
    pid: running.pid,
    said,
    logs,
    ended,
    run: (line, more = {}) => mcpctl(line, { home, ...more }, atEnd),
    admin: (method, path, body) => send("http://localhost", socketPath, method, path, { body }),
    call: (method, path, call = {}) => send(url!, undefined, method, path, call),
    kill: (signal) => running.kill(signal),
  };
}

/** One call of a server, over TCP or through a Unix socket. */
export async function send(
  base: string,
  unix: string | undefined,
  method: string,
  path: string,
  { bearer, body, headers }: CallOptions,
): Promise<Answer> {
  const response = await fetch(base + path, {
    method,
    redirect: "manual",
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(unix !== undefined && { unix }),
  });
  const text = await response.text();
  const json = response.headers.get("content-type")?.includes("json");
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: json ? JSON.parse(text) : undefined,
  };
}

/** Fails unless the binary was built from the present sources: otherwise these tests would test something else. */
function mustBeFresh(): void {
  if (!existsSync(binary)) throw new Error("there is no dist/mcpctl to test: run `bun run build`");
  const built = statSync(binary).mtimeMs;
  const source = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .find((name) => statSync(join(root, "src", name)).mtimeMs > built);
  if (source !== undefined) throw new Error(`dist/mcpctl is older than src/${source}: run \`bun run build\``);
}

/** Returns a port that nobody listens on, for a program that is to have the same one again. */
export async function freePort(): Promise<number> {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}
