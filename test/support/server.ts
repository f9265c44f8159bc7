import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../src/log.ts";
import { openStore } from "../../src/server/core/store/index.ts";
import { systemPace } from "../../src/server/inference/pace.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { startServer } from "../../src/server/start.ts";
import { atEnd } from "./shared.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** An answer: status, headers, the body parsed where it is JSON. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  body: any;
}

export type Client = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

export interface TestServer {
  url: string;
  socketPath: string;
  folder: string;
  /** Everything the server logged. */
  logged: string[];
  /** Calls over the Unix socket, as the administrator. */
  admin: Client;
  /** Calls over TCP with a bearer; with none when not given. */
  as(bearer?: string): Client;
  /** Makes a user who logs in, and what it is granted. */
  user(name: string, grants?: object[]): Promise<{ bearer: string; call: Client }>;
  /** Makes a token of the administrator with some grants. */
  token(name: string, grants: object[]): Promise<{ bearer: string; call: Client }>;
  stop(patience?: number): Promise<void>;
}

type TestServerOptions = Partial<ServerOptions> & {
  folder?: string;
  /** The authority of the server's certificate, in PEM. */
  ca?: string;
};

/** The number of workers of all servers, so that the same tests show that calls are as without. */
const workers = Number(process.env["WORKERS"] ?? 0);

/** A database of which a server has made the tables and its own rows. To make them is half of a server's start. */
let made: Promise<Buffer> | undefined;

async function madeDatabase(): Promise<Buffer> {
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  await (await startTestServer({ folder, store })).stop();
  return readFileSync(join(folder, "mcpctl.db"));
}

/** Writes a SQLite file with the tables and the rows that every server makes. Returns its path, for a store of a test. */
export async function prepareDatabase(path = join(temporaryFolder(), "mcpctl.db")): Promise<string> {
  made ??= madeDatabase();
  writeFileSync(path, await made, { mode: 0o600 });
  return path;
}

/** A real server on a free port, over a SQLite file of its own; stopped when the test is over. */
export async function testServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = options.folder ?? temporaryFolder();
  const path = join(folder, "mcpctl.db");
  if (!options.store && !options.now && !existsSync(path)) await prepareDatabase(path);
  return startTestServer({ ...options, folder });
}

async function startTestServer({
  folder,
  ca,
  ...options
}: TestServerOptions & { folder: string }): Promise<TestServer> {
  const socketPath = join(folder, "s.sock");
  const logged: string[] = [];
  const note = (...parts: unknown[]) => void logged.push(parts.map(String).join(" "));
  const log = Object.assign(note, { raw: note }) as unknown as Log["info"];
  const running = await startServer({
    store:
      options.store ?? (await openStore({ path: join(folder, "mcpctl.db"), now: options.now ?? Date.now })),
    listen: { hostname: "127.0.0.1", port: 0 },
    socketPath,
    publicUrls: [],
    // A retry does not wait.
    pace: { ...systemPace, wait: async () => {} },
    metricsPublic: false,
    // What is done every minute would come in between the requests that a slow machine makes.
    tick: 3_600_000,
    passwordCost: { memoryCost: 8, timeCost: 1 },
    log: { info: log, warn: log, error: log, success: log },
    ...(workers > 0 && { workers: { count: workers, environment: {} } }),
    ...options,
    connections: { isPlain: process.env["PLAIN_LISTENER"] === "1", ...options.connections },
  });
  let stopped: Promise<void> | undefined;
  const stop = (patience = 0) => {
    stopped ??= running.stop(patience);
    return stopped;
  };
  atEnd(() => stop());

  const admin = client("http://localhost", {}, socketPath);
  const as = (bearer?: string) =>
    client(running.url, bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }, undefined, ca);
  return {
    url: running.url,
    socketPath,
    folder,
    logged,
    admin,
    as,
    stop,
    async user(name, grants = []) {
      const password = `${name}-password`;
      await must(admin("POST", "/api/v1/users", { name, password }));
      if (grants.length > 0) {
        const subjects = [{ kind: "User", name }];
        await must(admin("POST", "/api/v1/rbac", { name: `of-${name}`, subjects, roleBindings: grants }));
      }
      const { body } = await must(as()("POST", "/api/v1/auth/login", { user: name, password }));
      return { bearer: body.token, call: as(body.token) };
    },
    async token(name, grants) {
      const { body } = await must(admin("POST", "/api/v1/tokens", { name, roleBindings: grants }));
      return { bearer: body.token, call: as(body.token) };
    },
  };
}

/** The answer, when it is a success. */
export async function must(answer: Promise<Answer>): Promise<Answer> {
  const got = await answer;
  if (got.status >= 300) throw new Error(`expected a success, got ${got.status}: ${got.text}`);
  return got;
}

/** A response without the request's own id: two of them can be compared. */
export function told({ status, headers, text }: Answer): unknown {
  return { status, text: text.replaceAll(headers.get("x-request-id") ?? "", "") };
}

export function client(base: string, fixed: Record<string, string>, unix?: string, ca?: string): Client {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(base + path, {
      method,
      redirect: "manual",
      headers: { ...fixed, ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(unix !== undefined && { unix }),
      ...(ca !== undefined && { tls: { ca } }),
    });
    const text = await response.text();
    const json = /^application\/(.+\+)?json\b/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: json && text !== "" ? JSON.parse(text) : undefined,
    };
  };
}
