import { onTestFinished } from "vitest";
import { encodeBytes } from "../../../src/wire/link/binary-frame.ts";
import { epochHeader, linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { type Answer, type Client, must, type TestServer, testServer } from "../../support/server.ts";

/** Somebody who publishes llms, as the wire has it. */
export interface Publisher {
  server: TestServer;
  bearer: string;
  call: Client;
  sessionId: string;
  /** As registering was answered. */
  epoch: number;
}

export interface Published {
  name: string;
  type?: string;
  poolName?: string;
  initialStatus?: "active" | "hibernating";
}

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
export type Event = any;

/** A server with a user who has registered an agent. `protocol` 1 says nothing of a protocol. */
export async function publisher(
  llms: readonly Published[] = [{ name: "home" }],
  { protocol = 2, server }: { protocol?: number; server?: TestServer } = {},
): Promise<Publisher> {
  const at = server ?? (await testServer());
  const grants = ["run", "expose"].map((role) => ({ role, resource: "llms" }));
  const { bearer, call } = await at.user("alice", grants);
  return register(at, bearer, call, llms, protocol);
}

/** Registers an agent by a bearer. */
export async function register(
  server: TestServer,
  bearer: string,
  call: Client,
  llms: readonly Published[],
  protocol = 2,
  more: object = {},
): Promise<Publisher> {
  const providers = llms.map((llm) => ({ type: "openai", model: "local", ...llm }));
  const said = { ...(protocol > 1 && { protocol, bootId: "boot", machineId: "machine" }), ...more };
  const { body } = await must(call("POST", linkPaths.register, { ...said, providers }));
  return { server, bearer, call, sessionId: body.providerSessionId, epoch: body.epoch };
}

/** What has come and was not waited for yet, and who waits. */
class Events {
  readonly #come: Event[] = [];
  readonly #waiting: { name: string; resolve(event: Event): void; reject(error: Error): void }[] = [];
  /** All that came, in order. */
  readonly all: Event[] = [];

  add(event: Event): void {
    this.all.push(event);
    const at = this.#waiting.findIndex(({ name }) => name === event.event);
    if (at < 0) this.#come.push(event);
    else this.#waiting.splice(at, 1)[0]!.resolve(event);
  }

  next(name: string): Promise<Event> {
    const at = this.#come.findIndex(({ event }) => event === name);
    if (at >= 0) return Promise.resolve(this.#come.splice(at, 1)[0]);
    return new Promise((resolve, reject) => this.#waiting.push({ name, resolve, reject }));
  }

  end(): void {
    for (const { name, reject } of this.#waiting) reject(new Error(`ended without "${name}"`));
  }
}

export interface SocketAgent {
  all: readonly Event[];
  /** The next event of that name, whether it has come or comes yet. */
  next(name: string): Promise<Event>;
  say(message: object | string): void;
  bytes(channel: number, bytes: string | Uint8Array): void;
  frame(bytes: Uint8Array): void;
  /** Accepts a task and returns it. */
  take(): Promise<Event>;
  close(): void;
  /** Cuts it without a word. */
  cut(): void;
  closed: Promise<{ code: number; reason: string }>;
  /** Of the `attached` event. */
  epoch: number;
}

/** Attaches by WebSocket. */
export async function bySocket(
  { server, bearer, sessionId }: Publisher,
  headers: Record<string, string> = {},
): Promise<SocketAgent> {
  const events = new Events();
  const socket = new WebSocket(`${server.url.replace("http", "ws")}${linkPaths.stream}`, {
    headers: { authorization: `Bearer ${bearer}`, [sessionHeader]: sessionId, ...headers },
  } as never);
  socket.binaryType = "arraybuffer";
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  socket.onmessage = ({ data }) => events.add(JSON.parse(data));
  socket.onclose = ({ code, reason }) => {
    events.end();
    closed.resolve({ code, reason });
  };
  onTestFinished(() => socket.close());
  const say = (message: object | string) =>
    socket.send(typeof message === "string" ? message : JSON.stringify(message));
  const attached = await events.next("attached");
  return {
    all: events.all,
    next: (name) => events.next(name),
    say,
    bytes: (channel, bytes) =>
      socket.send(encodeBytes(channel, typeof bytes === "string" ? Buffer.from(bytes) : bytes)),
    frame: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    async take() {
      const task = await events.next("task");
      say({ op: "accept", taskId: task.taskId, attempt: task.attempt });
      return { ...task, ...(await events.next("accepted")) };
    },
    close: () => socket.close(),
    cut: () => (socket as unknown as { terminate(): void }).terminate(),
    closed: closed.promise,
    epoch: attached.epoch,
  };
}

export interface StreamAgent {
  all: readonly Event[];
  /** Everything that came, as it came. */
  raw(): string;
  headers: Headers;
  next(name: string): Promise<Event>;
  accept(task: Event): Promise<Answer>;
  /** Posts a result of a task, with the agent's epoch. */
  post(task: Event, result: object): Promise<Answer>;
  /** Gives up the stream. */
  drop(): void;
  ended: Promise<void>;
  epoch: number;
}

/** Attaches by a stream of server-sent events. */
export async function byStream(
  { server, bearer, call, sessionId }: Publisher,
  headers: Record<string, string> = {},
): Promise<StreamAgent> {
  const events = new Events();
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const response = await fetch(server.url + linkPaths.stream, {
    headers: { authorization: `Bearer ${bearer}`, [sessionHeader]: sessionId, ...headers },
    signal: leaving.signal,
  });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  let raw = "";
  let read = 0;
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of response.body!) {
      raw += decoder.decode(bytes, { stream: true });
      for (let end = raw.indexOf("\n\n", read); end >= 0; end = raw.indexOf("\n\n", read)) {
        const lines = raw.slice(read, end).split("\n");
        read = end + 2;
        const field = (name: string) =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field("data");
        if (data) events.add({ event: field("event"), ...JSON.parse(data) });
      }
    }
  })()
    .catch(() => {})
    .finally(() => events.end());
  const { epoch } = await events.next("attached");
  const task = (one: Event, what: string) => `${linkPaths.task}/${one.taskId}/${what}`;
  return {
    all: events.all,
    raw: () => raw,
    headers: response.headers,
    next: (name) => events.next(name),
    accept: (one) => call("POST", task(one, "accept"), { epoch, attempt: one.attempt }),
    post: (one, result) => call("POST", task(one, "result"), { epoch, ...result }),
    drop: () => leaving.abort(),
    ended,
    epoch,
  };
}

/** Headers of an attach that goes on. */
export function goingOn(epoch: number): Record<string, string> {
  return { [epochHeader]: String(epoch) };
}

export interface Called {
  status: number;
  response: Response;
  /** The rest of the answer. */
  text(): Promise<string>;
  leave(): void;
}

/** Calls a model by its name; returns with the head of the answer. */
export async function ask(
  { server, bearer }: Pick<Publisher, "server" | "bearer">,
  body: object = {},
  path = "/v1/chat/completions",
  leaving = new AbortController(),
): Promise<Called> {
  onTestFinished(() => leaving.abort());
  const response = await fetch(server.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "home", messages: [{ role: "user", content: "hi" }], ...body }),
    signal: leaving.signal,
  });
  return { status: response.status, response, text: () => response.text(), leave: () => leaving.abort() };
}

/** A streamed call of `home` that its agent, on a WebSocket, has begun to answer with some first bytes. */
export async function begunBySocket(first: string) {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const called = ask(alice, { stream: true });
  const task = await agent.take();
  agent.bytes(task.channel, first);
  const { text } = await called;
  return { alice, agent, called, task, text };
}

/** A streamed call of `home` that its agent, on a stream of events, has accepted. */
export async function acceptedByStream() {
  const alice = await publisher();
  const agent = await byStream(alice);
  const called = ask(alice, { stream: true });
  const task = await agent.next("task");
  await agent.accept(task);
  return { alice, agent, called, task };
}

/** A streamed call of `home` that its agent, on a stream of events, has begun to answer with a first frame. */
export async function begunByStream(first: string) {
  const begun = await acceptedByStream();
  await begun.agent.post(begun.task, { seq: 1, frames: [first] });
  const { text } = await begun.called;
  return { ...begun, text };
}

/** Waits until something holds; looked at as often as the event loop allows. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 4000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error("it never held");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
