import { onTestFinished } from "vitest";
import { decodeBytes, encodeBytes } from "../../../src/wire/link/binary-frame.ts";
import { epochHeader, linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { type Answer, type Client, must, type TestServer, testServer } from "../../support/server.ts";

/** A user with a registered agent. */
export interface Publisher {
  server: TestServer;
  bearer: string;
  call: Client;
  sessionId: string;
  /** The epoch in the response to the registration. */
  epoch: number;
}

export interface Published {
  name: string;
  type?: string;
  poolName?: string;
  initialStatus?: "active" | "hibernating";
}

// biome-ignore lint/suspicious/noExplicitAny: tests read any field of an event
export type Event = any;

/** Starts a server with a user `alice` who has registered an agent. With `protocol` 1 the agent sends no protocol. */
export async function startPublisher(
  llms: readonly Published[] = [{ name: "home" }],
  { protocol = 2, server }: { protocol?: number; server?: TestServer } = {},
): Promise<Publisher> {
  const at = server ?? (await testServer());
  const grants = ["run", "expose"].map((role) => ({ role, resource: "llms" }));
  const { bearer, call } = await at.user("alice", grants);
  return register(at, bearer, call, llms, protocol);
}

/** Registers an agent with a bearer. */
export async function register(
  server: TestServer,
  bearer: string,
  call: Client,
  llms: readonly Published[],
  protocol = 2,
  more: object = {},
): Promise<Publisher> {
  const providers = llms.map((llm) => ({ type: "openai", model: "local", ...llm }));
  const agent = { ...(protocol > 1 && { protocol, bootId: "boot", machineId: "machine" }), ...more };
  const { body } = await must(call("POST", linkPaths.register, { ...agent, providers }));
  return { server, bearer, call, sessionId: body.providerSessionId, epoch: body.epoch };
}

/** The events that an agent has received, and the tests that wait for an event. */
class ReceivedEvents {
  readonly #unread: Event[] = [];
  readonly #waiting: { name: string; resolve(event: Event): void; reject(error: Error): void }[] = [];
  /** Every event, in order. */
  readonly all: Event[] = [];

  add(event: Event): void {
    this.all.push(event);
    const at = this.#waiting.findIndex(({ name }) => name === event.event);
    if (at < 0) this.#unread.push(event);
    else this.#waiting.splice(at, 1)[0]!.resolve(event);
  }

  next(name: string): Promise<Event> {
    const at = this.#unread.findIndex(({ event }) => event === name);
    if (at >= 0) return Promise.resolve(this.#unread.splice(at, 1)[0]);
    return new Promise((resolve, reject) => this.#waiting.push({ name, resolve, reject }));
  }

  end(): void {
    for (const { name, reject } of this.#waiting) reject(new Error(`the link ended without "${name}"`));
  }
}

export interface SocketAgent {
  /** Every event that the agent has received. */
  all: readonly Event[];
  /** Returns the next unread event of a name; waits for it if none has come. */
  next(name: string): Promise<Event>;
  send(message: object | string): void;
  /** Sends bytes of a response. */
  sendBytes(channel: number, bytes: string | Uint8Array): void;
  /** Sends a binary frame as it is. */
  sendFrame(bytes: Uint8Array): void;
  /** Returns the bytes of requests that have come on a channel. */
  bytesOf(channel: number): Buffer;
  /** Returns the number of bytes in the largest binary frame. */
  largestFrame(): number;
  /** True if it says at once how many bytes have arrived. */
  acknowledges: boolean;
  /** Says how many bytes have arrived. */
  acknowledge(): void;
  /** Accepts the next task and returns it. */
  acceptNext(): Promise<Event>;
  close(): void;
  /** Drops the connection without a close frame. */
  terminate(): void;
  closed: Promise<{ code: number; reason: string }>;
  /** The epoch of the `attached` event. */
  epoch: number;
}

/** Attaches an agent over a WebSocket. */
export async function connectBySocket(
  { server, bearer, sessionId }: Publisher,
  headers: Record<string, string> = {},
): Promise<SocketAgent> {
  const events = new ReceivedEvents();
  const socket = new WebSocket(`${server.url.replace("http", "ws")}${linkPaths.stream}`, {
    headers: { authorization: `Bearer ${bearer}`, [sessionHeader]: sessionId, ...headers },
  } as never);
  socket.binaryType = "arraybuffer";
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  const channels = new Map<number, Buffer[]>();
  let received = 0;
  let largest = 0;
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") return events.add(JSON.parse(data));
    const { channel, bytes } = decodeBytes(new Uint8Array(data))!;
    channels.set(channel, [...(channels.get(channel) ?? []), Buffer.from(bytes)]);
    received += bytes.length;
    largest = Math.max(largest, bytes.length);
    if (agent.acknowledges) agent.acknowledge();
  };
  socket.onclose = ({ code, reason }) => {
    events.end();
    closed.resolve({ code, reason });
  };
  onTestFinished(() => socket.close());
  const send = (message: object | string) =>
    socket.send(typeof message === "string" ? message : JSON.stringify(message));
  const agent: SocketAgent = {
    all: events.all,
    next: (name) => events.next(name),
    send,
    bytesOf: (channel) => Buffer.concat(channels.get(channel) ?? []),
    largestFrame: () => largest,
    acknowledges: true,
    acknowledge: () => send({ op: "received", bytes: received }),
    sendBytes: (channel, bytes) =>
      socket.send(encodeBytes(channel, typeof bytes === "string" ? Buffer.from(bytes) : bytes)),
    sendFrame: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    async acceptNext() {
      const task = await events.next("task");
      send({ op: "accept", taskId: task.taskId, attempt: task.attempt });
      return { ...task, ...(await events.next("accepted")) };
    },
    close: () => socket.close(),
    terminate: () => (socket as unknown as { terminate(): void }).terminate(),
    closed: closed.promise,
    epoch: 0,
  };
  agent.epoch = (await events.next("attached")).epoch;
  return agent;
}

export interface StreamAgent {
  /** Every event that the agent has received. */
  all: readonly Event[];
  /** Returns the text of the stream so far. */
  raw(): string;
  headers: Headers;
  /** Returns the next unread event of a name; waits for it if none has come. */
  next(name: string): Promise<Event>;
  accept(task: Event): Promise<Answer>;
  /** Posts a result of a task, with the agent's epoch. */
  post(task: Event, result: object): Promise<Answer>;
  /** Closes the stream. */
  disconnect(): void;
  ended: Promise<void>;
  epoch: number;
}

/** Attaches an agent over a stream of server-sent events. */
export async function connectByStream(
  { server, bearer, call, sessionId }: Publisher,
  headers: Record<string, string> = {},
): Promise<StreamAgent> {
  const events = new ReceivedEvents();
  const closing = new AbortController();
  onTestFinished(() => closing.abort());
  const response = await fetch(server.url + linkPaths.stream, {
    headers: { authorization: `Bearer ${bearer}`, [sessionHeader]: sessionId, ...headers },
    signal: closing.signal,
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
  const taskPath = (task: Event, action: string) => `${linkPaths.task}/${task.taskId}/${action}`;
  return {
    all: events.all,
    raw: () => raw,
    headers: response.headers,
    next: (name) => events.next(name),
    accept: (task) => call("POST", taskPath(task, "accept"), { epoch, attempt: task.attempt }),
    post: (task, result) => call("POST", taskPath(task, "result"), { epoch, ...result }),
    disconnect: () => closing.abort(),
    ended,
    epoch,
  };
}

/** Headers of an attach by an agent that knows its last epoch. */
export function withEpoch(epoch: number): Record<string, string> {
  return { [epochHeader]: String(epoch) };
}

export interface ModelCall {
  status: number;
  response: Response;
  /** Reads the rest of the response. */
  text(): Promise<string>;
  /** Ends the call from the caller's side. */
  abort(): void;
}

/** Calls the model `home`, or the one in `body`. Returns when the head of the response has come. */
export async function callModel(
  { server, bearer }: Pick<Publisher, "server" | "bearer">,
  body: object = {},
  path = "/v1/chat/completions",
  aborting = new AbortController(),
): Promise<ModelCall> {
  onTestFinished(() => aborting.abort());
  const response = await fetch(server.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "home", messages: [{ role: "user", content: "hi" }], ...body }),
    signal: aborting.signal,
  });
  return { status: response.status, response, text: () => response.text(), abort: () => aborting.abort() };
}

/** Starts a streamed call of `home`, to which its agent on a WebSocket has sent some first bytes. */
export async function startResponseBySocket(first: string) {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const called = callModel(alice, { stream: true });
  const task = await agent.acceptNext();
  agent.sendBytes(task.channel, first);
  const { text } = await called;
  return { alice, agent, called, task, text };
}

/** Starts a streamed call of `home`, which its agent on a stream of events has accepted. */
export async function acceptCallByStream() {
  const alice = await startPublisher();
  const agent = await connectByStream(alice);
  const called = callModel(alice, { stream: true });
  const task = await agent.next("task");
  await agent.accept(task);
  return { alice, agent, called, task };
}

/** Starts a streamed call of `home`, to which its agent on a stream of events has posted a first frame. */
export async function startResponseByStream(first: string) {
  const started = await acceptCallByStream();
  await started.agent.post(started.task, { seq: 1, frames: [first] });
  const { text } = await started.called;
  return { ...started, text };
}

/** Waits until a condition holds. Checks it on every turn of the event loop; fails after a minute. */
export async function waitUntil(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error("the condition did not hold within a minute");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
