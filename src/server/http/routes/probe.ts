import { AppError, callerLeft } from "../../../errors.ts";
import { type ProbeEvent, probeLimits, probePaths, type UploadTimes } from "../../../wire/probe.ts";
import { eventStreamHeaders, sseFrame } from "../../../wire/sse.ts";
import type { SocketHandler } from "../../core/socket-handler.ts";
import { wantsSocket } from "../../workstations/socket.ts";
import { wholeNumberIn } from "../query.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** Milliseconds that one upload or one WebSocket may last. */
const timeout = 30_000;
/** Parts of an upload whose times are returned, at most. */
const maxTimes = 64;

/** Routes with which `mcpctl doctor` measures a connection. They tell nothing about the server. */
export function probeRoutes(server: Server): Route[] {
  const under = new Map<string, number>();
  /** Counts a probe. Returns a function that ends it. Throws AppError `too_many_requests`. */
  const begin = ({ principal }: Call): (() => void) => {
    const running = under.get(principal.userId) ?? 0;
    if (running >= probeLimits.concurrent)
      throw new AppError("too_many_requests", `at most ${probeLimits.concurrent} probes at a time`, {
        retryAfter: 5,
      });
    under.set(principal.userId, running + 1);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      const left = under.get(principal.userId)! - 1;
      if (left === 0) under.delete(principal.userId);
      else under.set(principal.userId, left);
    };
  };
  return [
    {
      method: "GET",
      path: probePaths.stream,
      access: "authenticated",
      summary:
        "Send events at intervals, then nothing, to test proxies on the way; as a WebSocket, echo messages",
      query: {
        events: `Number of events; 1 if not given, at most ${probeLimits.events}`,
        every: `Milliseconds between two events; 200 if not given, at most ${probeLimits.every}`,
        silence: `Milliseconds of silence before the end; 0 if not given, at most ${probeLimits.silence}`,
      },
      handle: (call) => {
        const count = within(call, "events", { otherwise: 1, least: 1 });
        const every = within(call, "every", { otherwise: 200, least: 0 });
        const silence = within(call, "silence", { otherwise: 0, least: 0 });
        if (call.isHead) return new Response(null, { headers: eventStreamHeaders });
        if (wantsSocket(call.request)) return echo(server, call, begin(call));
        return stream(server, call, { count, every, silence }, begin(call));
      },
    },
    {
      method: "POST",
      path: probePaths.upload,
      access: "authenticated",
      summary: "Receive a body of any type, and return when its parts arrived",
      handle: (call) => upload(server, call, begin(call)),
    },
  ];
}

function within(
  call: Call,
  name: "events" | "every" | "silence",
  { otherwise, least }: { otherwise: number; least: number },
): number {
  const value = wholeNumberIn(call.query, name) ?? otherwise;
  if (value >= least && value <= probeLimits[name]) return value;
  throw new AppError("invalid_request", `${name} must be from ${least} to ${probeLimits[name]}`);
}

/** Streams events with the times when they are sent, then nothing at all, not even comments, then `end`. */
function stream(
  server: Server,
  { principal }: Call,
  { count, every, silence }: { count: number; every: number; silence: number },
  done: () => void,
): Response {
  const encoder = new TextEncoder();
  let release = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const started = performance.now();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const send = (event: string) => {
        const data: ProbeEvent = { at: performance.now() - started };
        controller.enqueue(encoder.encode(sseFrame({ event, data: JSON.stringify(data) })));
      };
      const end = () => {
        release();
        controller.close();
      };
      // Endless: a server that stops does not wait for the end of the silence.
      const forget = server.streams.add(principal, end, true);
      release = () => {
        clearTimeout(timer);
        forget();
        done();
      };
      const step = (sent: number) => {
        if (sent < count) {
          send("tick");
          timer = setTimeout(step, sent + 1 < count ? every : silence, sent + 1);
          return;
        }
        send("end");
        end();
      };
      step(0);
    },
    cancel: () => release(),
  });
  return new Response(body, { headers: eventStreamHeaders });
}

/** Opens a WebSocket that sends back a few short messages. */
function echo(server: Server, { request, peer, principal }: Call, done: () => void): Response {
  let received = 0;
  let over = () => {};
  const handler: SocketHandler = {
    opened(socket) {
      const close = () => socket.close(1000);
      const deadline = server.deadlines.after(timeout, close);
      const forget = server.streams.add(principal, close, true);
      over = () => {
        deadline.cancel();
        forget();
        done();
      };
      handler.text = (message) => {
        if (++received > probeLimits.messages || message.length > probeLimits.messageLength) return close();
        socket.send(message);
      };
      handler.bytes = close;
    },
    text() {},
    bytes() {},
    closed: () => over(),
  };
  // For the access log: the peer has the response already.
  if (server.upgrade(request, peer, handler, {})) return new Response(null, { status: 101 });
  done();
  throw new AppError("invalid_request", "this request cannot become a WebSocket");
}

/** Reads a body without keeping it. */
async function upload(server: Server, { request }: Call, done: () => void): Promise<Response> {
  const started = performance.now();
  const times: UploadTimes = { bytes: 0, arrived: [] };
  const reader = request.body?.getReader();
  let late = false;
  const deadline = server.deadlines.after(timeout, () => {
    late = true;
    void reader?.cancel();
  });
  try {
    for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
      times.bytes += part.value.byteLength;
      if (times.bytes > probeLimits.uploadBytes)
        throw new AppError("payload_too_large", `at most ${probeLimits.uploadBytes} bytes`);
      if (times.arrived.length < maxTimes) times.arrived.push(performance.now() - started);
    }
  } catch (cause) {
    throw cause instanceof AppError ? cause : callerLeft(cause);
  } finally {
    deadline.cancel();
    done();
  }
  if (late) throw new AppError("timed_out", "the body did not arrive in time", { status: 408 });
  return Response.json(times);
}
