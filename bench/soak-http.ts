import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "bun";
import { httpCase } from "./http-cases.ts";
import { Installation, mcpctlCommand } from "./mcpctl.ts";
import { hasNginx, startNginxProxy } from "./nginx.ts";
import { costOf, freePort, type Processes, withProcesses } from "./processes.ts";
import { seeded } from "./seeded.ts";

export interface HttpSoakPlan {
  seconds: number;
  seed: number;
  /** Another build than `dist/mcpctl`. */
  binary?: string;
  /** Variables of the server's environment. */
  env?: Record<string, string> | undefined;
}

export interface HttpSoakResult {
  /** Connections to the server, and as many to an nginx in front of another one. */
  cases: number;
  /** The requests that the nginx passed on, and those that the server behind it handled. */
  passed: { passed: number; handled: number } | undefined;
  /** Responses by their status. */
  statuses: Record<number, number>;
  /** What must not be: with the number of the case, which is the same for the same seed. */
  wrong: string[];
  /** Resident bytes of the server, before and after. */
  resident: { before: number; after: number };
}

/** Connections at a time. */
const width = 16;
/** Faults after which it ends. */
const mostWrong = 20;
/** Milliseconds after the end of its bytes in which a caller must be answered and let go. */
const longest = 5000;
/** Statuses that a request gets here, right or wrong. */
const usual = new Set([200, 400, 401, 403, 404, 405, 408, 411, 413, 415, 417, 421, 431, 501, 505]);

/**
 * Sends right and broken requests to the compiled server, cut anywhere, and looks that each connection ends, that every
 * response is whole and belongs to its request, and that an nginx in front sees as many requests as the server does.
 */
export function soakHttp(plan: HttpSoakPlan, say: (line: string) => void): Promise<HttpSoakResult> {
  return withProcesses((processes) => run(plan, processes, say));
}

async function run(
  { seconds, seed, binary, env }: HttpSoakPlan,
  processes: Processes,
  say: (line: string) => void,
): Promise<HttpSoakResult> {
  const server = await new Installation(processes, mcpctlCommand(binary), "http", env).start();
  const behind = hasNginx() ? await startBehindNginx(processes, binary, env) : undefined;
  const before = costOf(server.pid).resident;
  const statuses: Record<number, number> = {};
  const wrong: string[] = [];
  const random = seeded(seed);
  const until = performance.now() + seconds * 1000;
  let cases = 0;
  const caller = async () => {
    while (performance.now() < until && wrong.length < mostWrong) {
      const number = cases++;
      const { wire, expected } = httpCase(random);
      const cuts = Array.from({ length: Math.floor(random() * 5) }, () => Math.floor(random() * wire.length));
      const [ending, through] = await Promise.all([
        exchange(server.port, wire, cuts),
        behind && exchange(behind.port, wire, []),
      ]);
      const fault = faultIn(ending, expected, statuses) ?? (through?.isLate && "no end behind nginx");
      if (fault)
        wrong.push(`case ${number}: ${fault}: ${JSON.stringify(wire.toString("latin1").slice(0, 600))}`);
    }
  };
  await Promise.all(Array.from({ length: width }, caller));
  const last = await exchange(
    server.port,
    Buffer.from("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    [],
  );
  if (!last.text.startsWith("HTTP/1.1 200 ")) wrong.push("the server answers no more");
  const passed = await behind?.requests();
  if (passed && passed.handled > passed.passed)
    wrong.push(`nginx passed ${passed.passed} requests on, and the server handled ${passed.handled}`);
  say(
    `${cases} connections${passed ? `, as many to an nginx that passed ${passed.passed} requests on` : ""}`,
  );
  return { cases, passed, statuses, wrong, resident: { before, after: costOf(server.pid).resident } };
}

/** Starts another server with an nginx in front of it, which reads all requests first. */
async function startBehindNginx(processes: Processes, binary: string | undefined, env: HttpSoakPlan["env"]) {
  const server = await new Installation(processes, mcpctlCommand(binary), "behind", env).start();
  const log = join(processes.folder("nginx-log"), "requests");
  const { port } = await startNginxProxy(processes, "nginx", freePort(), server.port, log);
  return {
    port,
    /** Returns the requests that nginx passed on and the server did not refuse while it read them, and those that it handled. */
    async requests() {
      const lines = readFileSync(log, "utf8").trim().split("\n");
      const isRefused = (line: string) => /^\S+ [45]\d\d -$/.test(line);
      const passed = lines.filter((line) => !line.startsWith("-") && !isRefused(line)).length;
      const metrics = await (await fetch("http://localhost/metrics", { unix: server.socket })).text();
      let handled = 0;
      for (const [, count] of metrics.matchAll(/^mcpctl_http_requests_total\{.*\} (\d+)$/gm))
        handled += Number(count);
      return { passed, handled };
    },
  };
}

/** What came back on a connection. */
interface Ending {
  text: string;
  /** True if the server had not closed the connection in time after its caller ended it. */
  isLate: boolean;
}

/** Sends bytes in pieces, ends the connection when something came or all is sent, and waits for its end. */
async function exchange(port: number, wire: Buffer, cuts: readonly number[]): Promise<Ending> {
  const closed = Promise.withResolvers<void>();
  const received: Buffer[] = [];
  let socket: Socket;
  try {
    socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => void received.push(Buffer.from(bytes)),
        close: () => closed.resolve(),
        error: () => closed.resolve(),
      },
    });
  } catch {
    return { text: "", isLate: true };
  }
  let from = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), wire.length]) {
    if (cut > from) socket.write(wire.subarray(from, cut));
    from = Math.max(from, cut);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Long enough for what is answered at all; a caller that only ends its side is still answered by nobody.
  await Promise.race([closed.promise, Bun.sleep(20)]);
  socket.shutdown();
  const isLate = await Promise.race([closed.promise.then(() => false), Bun.sleep(longest).then(() => true)]);
  socket.terminate();
  return { text: Buffer.concat(received).toString("latin1"), isLate };
}

/** Returns what is wrong about the responses of a connection, and counts their statuses. */
function faultIn(
  { text, isLate }: Ending,
  expected: readonly number[] | undefined,
  statuses: Record<number, number>,
): string | undefined {
  const read = responsesIn(text);
  if (read === undefined) return `no responses of HTTP: ${JSON.stringify(text.slice(0, 200))}`;
  for (const { status } of read) statuses[status] = (statuses[status] ?? 0) + 1;
  if (isLate) return "the connection did not end";
  const strange = read.find(({ status }) => !usual.has(status));
  if (strange) return `status ${strange.status}`;
  if (!expected) return undefined;
  const got = read.map(({ status }) => status);
  const isPrefix = got.every((status, at) => status === expected[at]);
  // The last one may say that no further request is read: after a body of which a part was still to come.
  const isWhole = got.length === expected.length || read.at(-1)?.isLast === true || got.length === 0;
  return isPrefix && isWhole ? undefined : `statuses ${got} instead of ${expected}`;
}

/** Reads responses one after another; undefined if something else is among them. A part of one at the end is left out. */
function responsesIn(text: string): { status: number; isLast: boolean }[] | undefined {
  const responses: { status: number; isLast: boolean }[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\r\n\r\n", at);
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text.slice(at, at + 13)) ?? [];
    if (status === undefined) return undefined;
    if (end < 0) return responses;
    const head = text.slice(at, end).toLowerCase();
    if (status !== "100")
      responses.push({ status: Number(status), isLast: /\r\nconnection: close/.test(head) });
    const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
    at = end + 4 + length;
  }
  return responses;
}
