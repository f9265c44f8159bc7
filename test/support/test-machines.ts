import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { type BinaryServer, binary, cleanEnv, freshFolder, must, startBinary } from "./binary.ts";
import { type FaultyProxy, faultyProxy } from "./faulty-proxy.ts";
import {
  chatFrames,
  chunk,
  lastChunk,
  reply,
  type Script,
  streamHead,
  type Upstream,
  upstream,
} from "./upstream.ts";

/** A workstation: a home with a config, and agents that are started in it. */
export interface Workstation {
  home: string;
  /** Writes `config.json`. */
  configure(config: object): void;
  /** Starts `mcpctl agent`. Returns when its llms are as the server is to show them. */
  start(options?: {
    args?: string[];
    env?: Record<string, string>;
    waitFor?: string[];
  }): Promise<BinaryAgent>;
}

export interface BinaryAgent {
  pid: number;
  /** Output so far, on stderr. */
  said(): string;
  logs(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<number | string>;
}

/** A server, a workstation, what is between them, and a local provider behind the workstation. */
export interface TestMachines {
  server: BinaryServer;
  proxy: FaultyProxy;
  backend: Upstream;
  desk: Workstation;
  /** Of the user whose the agent is: he may publish, and run what is public. */
  bearer: string;
  /** A second user, who may view and run all llms. */
  outsider: string;
  /** Another machine of the same user, with the same llms where it is not told otherwise. */
  workstation(config?: object): Workstation;
  /** The status of an llm, as the administrator sees it; undefined where there is none. */
  status(name: string): Promise<string | undefined>;
  until(name: string, status: string | undefined): Promise<void>;
  /** Calls a model as the agent's user. */
  ask(model: string, more?: object, options?: { bearer?: string; signal?: AbortSignal }): Promise<Response>;
}

/** A provider that behaves: health, models, chat. */
export const goodModel: Script = (asked, connection) => {
  if (asked.path === "/health") return connection.write(reply(200, {}));
  if (asked.method === "GET") return connection.write(reply(200, { object: "list", data: [{ id: "qwen" }] }));
  if (!asked.body?.stream) return connection.write(reply(200, answer));
  connection.write(streamHead);
  for (const frame of chatFrames(["from ", "the ", "desk"], asked.body.stream_options?.include_usage))
    connection.write(chunk(frame));
  connection.write(lastChunk);
};

const answer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "qwen",
  choices: [{ index: 0, message: { role: "assistant", content: "from the desk" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
};

/** A provider that answers health and models, and calls as a test says. */
export function answering(script: Script): Script {
  return (asked, connection) =>
    asked.method === "GET" ? goodModel(asked, connection) : script(asked, connection);
}

export async function startTestMachines(
  options: { backend?: Script; server?: { args?: string[] } } = {},
): Promise<TestMachines> {
  const server = await startBinary(options.server ?? {});
  const backend = upstream(options.backend ?? goodModel);
  const proxy = faultyProxy(server.url);
  const password = "alice-password";
  await addUser(server, { name: "alice", password }, ["expose", "run", "view"]);
  const login = await server.call("POST", "/api/v1/auth/login", { body: { user: "alice", password } });
  const bearer: string = login.body.token;
  await addUser(server, { name: "bob" }, ["run", "view"]);
  // Without a password, which takes as long to hash as a server to start.
  const acting = await server.admin("POST", "/api/v1/auth/impersonate", { user: "bob" });
  const outsider: string = acting.body.token;
  const status: TestMachines["status"] = async (name) =>
    (await server.admin("GET", `/api/v1/llms/${name}`)).body?.status ?? undefined;
  const until: TestMachines["until"] = (name, wanted) =>
    expect.poll(() => status(name), { interval: 50 }).toBe(wanted);
  const usual = {
    llm: { providers: [{ name: "desk", type: "vllm", model: "qwen", url: backend.url, publish: true }] },
  };
  const workstation = (config: object = usual): Workstation => {
    const home = freshFolder();
    mkdirSync(join(home, ".mcpctl"), { mode: 0o700 });
    const configure = (next: object) =>
      writeFileSync(join(home, ".mcpctl/config.json"), JSON.stringify(next, null, 2), { mode: 0o600 });
    configure(config);
    return {
      home,
      configure,
      async start({ args = ["--listen", "none"], env = {}, waitFor = ["desk"] } = {}) {
        const started = spawnAgent(home, args, { MCPCTL_SERVER: proxy.url, MCPCTL_TOKEN: bearer, ...env });
        for (const name of waitFor) await until(name, "active");
        return started;
      },
    };
  };
  return {
    server,
    proxy,
    backend,
    desk: workstation(),
    bearer,
    outsider,
    workstation,
    status,
    until,
    ask: (model, more = {}, { bearer: own = bearer, signal } = {}) =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${own}` },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], ...more }),
        ...(signal && { signal }),
      }),
  };
}

/** Makes a user with some roles on all llms. */
async function addUser(
  server: BinaryServer,
  user: { name: string; password?: string },
  roles: string[],
): Promise<void> {
  await server.admin("POST", "/api/v1/users", user);
  const roleBindings = roles.flatMap((role) => [
    { role, resource: "llms" },
    { role, resource: "agents" },
  ]);
  await server.admin("POST", "/api/v1/rbac", {
    name: `of-${user.name}`,
    subjects: [{ kind: "User", name: user.name }],
    roleBindings,
  });
}

function spawnAgent(home: string, args: string[], env: Record<string, string>): BinaryAgent {
  const running = Bun.spawn([binary, "agent", ...args], {
    env: cleanEnv(home, env),
    cwd: home,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  let said = "";
  const listeners = new Set<() => void>();
  const collected = (async () => {
    for await (const text of running.stderr.pipeThrough(new TextDecoderStream())) {
      said += text;
      for (const listener of listeners) listener();
    }
  })();
  onTestFinished(() => running.kill("SIGKILL"));
  const ended = running.exited.then(async () => {
    await collected;
    return running.signalCode ?? running.exitCode!;
  });
  return {
    pid: running.pid,
    said: () => said,
    kill: (signal) => running.kill(signal),
    ended,
    logs: (pattern) =>
      new Promise((found, failed) => {
        const look = () => {
          if (!pattern.test(said)) return;
          listeners.delete(look);
          found();
        };
        listeners.add(look);
        look();
        void ended.then(() => failed(new Error(`it ended without ${pattern}: ${said}`)));
      }),
  };
}

/** The words of a streamed answer, and how it ended. */
export async function readStream(
  response: Response,
): Promise<{ text: string; done: boolean; error: string | undefined }> {
  const body = await response.text();
  const frames = body.split("\n\n").flatMap((frame) => (frame.startsWith("data: ") ? [frame.slice(6)] : []));
  const parsed = frames.filter((data) => data !== "[DONE]").map((data) => JSON.parse(data));
  return {
    text: parsed.map(({ choices }) => choices?.[0]?.delta?.content ?? "").join(""),
    done: frames.at(-1) === "[DONE]",
    error: parsed.find(({ error }) => error)?.error.message,
  };
}

export { must };
