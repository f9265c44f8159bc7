import { join } from "node:path";
import { published, Workstation } from "./agents.ts";
import { createToken, Installation, mcpctlCommand } from "./mcpctl.ts";
import { freePort, Processes } from "./processes.ts";

/** One call over one line, with small calls beside it. */
export interface LineCell {
  transport: "websocket" | "sse";
  megabits: number;
  /** Milliseconds. */
  roundTrip: number;
  requestBytes: number;
  answerBytes: number;
}

export interface LineResult {
  cell: LineCell;
  /** Milliseconds that the line alone needs for the bytes. */
  ideal: number;
  /** Milliseconds that the large call took, or its error. */
  large: number | string;
  /** Milliseconds of each small call, or its error. */
  small: (number | string)[];
}

export interface LinesPlan {
  cells: readonly LineCell[];
  binary?: string;
}

/** A cell of the matrix takes at most so many seconds on the line alone. */
const longest = 100;

/** Returns the matrix: lines of 1, 8 and 100 Mbit/s, of 40 and 300 ms, with bodies from 1 KB to the largest. */
export function lineCells(megabytes: number): LineCell[] {
  const sizes = [0.001, 0.1, 1, 10, 32].filter((size) => size <= megabytes);
  return (["websocket", "sse"] as const).flatMap((transport) =>
    [1, 8, 100].flatMap((megabits) =>
      [40, 300].flatMap((roundTrip) =>
        sizes
          .filter((size) => (size * 8) / megabits <= longest)
          .flatMap((size) => {
            const line = { transport, megabits, roundTrip };
            // The limit of a body includes what is around its text.
            const bytes = Math.floor(size * 1024 * 1024 * 0.98);
            return [
              { ...line, requestBytes: bytes, answerBytes: 10 },
              { ...line, requestBytes: 10, answerBytes: bytes },
            ];
          }),
      ),
    ),
  );
}

/** Milliseconds from one small call to the next. */
const smallEvery = 400;
const smallCalls = 10;

/** Makes calls of every size over lines of every kind. All that is started is gone when it returns. */
export async function soakLines(plan: LinesPlan, say: (result: LineResult) => void): Promise<LineResult[]> {
  const processes = new Processes();
  try {
    const command = mcpctlCommand(plan.binary);
    const server = await new Installation(processes, command).start();
    const roles = [{ role: "run", resource: "llms" }];
    const bearer = await createToken(server, "caller", roles);
    const publishing = await createToken(server, "publisher", [{ role: "expose", resource: "llms" }]);
    const program = (name: string, options: { port: number }) => {
      const path = join(import.meta.dirname, `${name}.ts`);
      return processes.startServer(
        `${name}-${options.port}`,
        [process.execPath, path, JSON.stringify(options)],
        options.port,
      );
    };
    const model = await program("line-model", { port: freePort() });
    const results: LineResult[] = [];
    for (const [n, cell] of plan.cells.entries()) {
      const { megabits, roundTrip, transport } = cell;
      const options = {
        port: freePort(),
        target: server.port,
        megabits,
        delay: roundTrip / 2,
        ...(transport === "sse" && { blockUpgrade: "refuse" }),
      };
      const line = await program("netem", options);
      const name = `line-${n}`;
      const station = new Workstation(processes, command, {
        name,
        server: line.port,
        bearer: publishing,
        model: model.port,
        publishes: [{ name, model: "line" }],
      });
      station.start();
      await published(server, [station]);
      const result = await measure(cell, name, `http://127.0.0.1:${server.port}`, bearer);
      await station.stop();
      await line.stop();
      results.push(result);
      say(result);
    }
    await server.stop();
    return results;
  } finally {
    processes.killAll();
  }
}

async function measure(cell: LineCell, model: string, url: string, bearer: string): Promise<LineResult> {
  const { megabits, roundTrip, requestBytes, answerBytes } = cell;
  const ideal = ((requestBytes + answerBytes) * 8) / (megabits * 1000) + roundTrip;
  const call = (content: string, bytes: number) =>
    timed(`${url}/v1/chat/completions`, bearer, { model, content, bytes }, 3 * ideal + 20_000);
  const large = call("x".repeat(requestBytes), answerBytes);
  const small: Promise<number | string>[] = [];
  for (let i = 0; i < smallCalls; i++) {
    await Bun.sleep(smallEvery);
    small.push(call("hello", 10));
  }
  return { cell, ideal, large: await large, small: await Promise.all(small) };
}

/** Calls a model. Returns the milliseconds until the whole answer, or the error in its place. */
async function timed(...call: Parameters<typeof ask>): Promise<number | string> {
  try {
    return await ask(...call);
  } catch (error) {
    return `no answer: ${(error as Error).name}`;
  }
}

async function ask(
  url: string,
  bearer: string,
  { model, content, bytes }: { model: string; content: string; bytes: number },
  limit: number,
): Promise<number | string> {
  const startedAt = performance.now();
  const late = AbortSignal.timeout(limit);
  const response = await fetch(url, {
    signal: late,
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: bytes, messages: [{ role: "user", content }] }),
  });
  const text = await response.text();
  if (response.status !== 200) return `${response.status} ${text.slice(0, 120)}`;
  const answer = JSON.parse(text) as { choices: { message: { content: string } }[]; received: number };
  if (answer.received !== content.length || answer.choices[0]?.message.content.length !== bytes)
    return "200, but not the whole answer";
  return performance.now() - startedAt;
}
