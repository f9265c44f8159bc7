import { AppError } from "../../../errors.ts";
import { probePaths } from "../../../wire/probe.ts";
import { type Check, median, span, tenth } from "./check.ts";
import type { Bench } from "./streams.ts";

/** How long an agent tries, and so does the doctor. Milliseconds. */
const patience = 3_000;
const rounds = 5;

/** Bun's client, which sends headers. */
type SocketConstructor = new (url: string, options: { headers: Record<string, string> }) => WebSocket;

/** Whether a WebSocket opens, as the agent's would, and what a message there and back takes. */
export async function checkWebSocket(
  { client, elapsed, signal }: Pick<Bench, "client" | "elapsed" | "signal">,
  Socket: SocketConstructor = WebSocket as unknown as SocketConstructor,
): Promise<Check> {
  const name = "websocket";
  const { url, token } = client.endpoint;
  if (url.startsWith("unix:")) return { name, verdict: "skip", detail: "not over a Unix socket" };
  const socket = new Socket(`${url.replace(/^http/, "ws")}${probePaths.stream}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const outcome = Promise.withResolvers<{ took: number[] } | { reason: string }>();
  const fail = (reason: string) => outcome.resolve({ reason });
  const timer = setTimeout(() => fail(`nothing came of it within ${span(patience)}`), patience);
  const interrupted = () => fail("interrupted");
  signal.addEventListener("abort", interrupted, { once: true });
  const took: number[] = [];
  let asked = 0;
  const ask = () => {
    asked = elapsed();
    socket.send(`${took.length}`);
  };
  socket.onopen = ask;
  socket.onmessage = ({ data }) => {
    if (data !== `${took.length}`) return fail("it says back what it was not told");
    took.push(elapsed() - asked);
    if (took.length < rounds) ask();
    else outcome.resolve({ took });
  };
  socket.onerror = () => fail("the upgrade is not answered with 101");
  socket.onclose = ({ code }) => fail(`it was closed at once (${code})`);
  const found = await outcome.promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", interrupted);
  socket.onclose = null;
  socket.onerror = null;
  socket.close();
  if (signal.aborted) throw new AppError("interrupted", "interrupted");
  if ("reason" in found)
    return {
      name,
      verdict: "warn",
      detail: `does not open: ${found.reason}`,
      figures: { open: false },
      fault: "websocket",
    };
  const roundTrip = median(found.took);
  return {
    name,
    verdict: "ok",
    detail: `opens; a message there and back takes ${span(roundTrip)}`,
    figures: { open: true, roundTrip: tenth(roundTrip) },
  };
}
