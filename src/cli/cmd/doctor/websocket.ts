import { AppError } from "../../../errors.ts";
import { reasonText } from "../../../system-errors.ts";
import { probePaths } from "../../../wire/probe.ts";
import { type Check, median, span, tenth } from "./check.ts";
import type { Bench } from "./streams.ts";

/** Time limit in milliseconds, the same as that of an agent. */
const timeLimit = 3_000;
const rounds = 5;

/** Bun's WebSocket, which can send headers. */
type SocketConstructor = new (
  url: string,
  options: { headers: Record<string, string>; proxy?: string },
) => WebSocket;

/** Checks that a WebSocket opens as the agent opens it, and measures the round trip of a message. */
export async function checkWebSocket(
  { client, elapsed, signal }: Pick<Bench, "client" | "elapsed" | "signal">,
  Socket: SocketConstructor = WebSocket as unknown as SocketConstructor,
): Promise<Check> {
  const name = "websocket";
  const { url, token } = client.endpoint;
  if (url.startsWith("unix:")) return { name, verdict: "skip", detail: "not over a Unix socket" };
  const socket = new Socket(`${url.replace(/^http/, "ws")}${probePaths.stream}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(client.proxy && { proxy: client.proxy.url }),
  });
  const outcome = Promise.withResolvers<{ took: number[] } | { reason: string }>();
  const fail = (reason: string) => outcome.resolve({ reason });
  const timer = setTimeout(() => fail(`no response within ${span(timeLimit)}`), timeLimit);
  const interrupted = () => fail("interrupted");
  signal.addEventListener("abort", interrupted, { once: true });
  const took: number[] = [];
  let sentAt = 0;
  const send = () => {
    sentAt = elapsed();
    socket.send(`${took.length}`);
  };
  socket.onopen = send;
  socket.onmessage = ({ data }) => {
    if (data !== `${took.length}`) return fail("a message came back changed");
    took.push(elapsed() - sentAt);
    if (took.length < rounds) send();
    else outcome.resolve({ took });
  };
  socket.onerror = (event) => {
    const { error } = event as Event & { error?: unknown };
    fail(reasonText(error, "the upgrade was refused"));
  };
  socket.onclose = ({ code }) => fail(`it was closed at once (code ${code})`);
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
    detail: `opens; the round trip of a message takes ${span(roundTrip)}`,
    figures: { open: true, roundTrip: tenth(roundTrip) },
  };
}
