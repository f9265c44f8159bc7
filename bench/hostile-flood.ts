/**
 * Floods a server with one sort of attack after another, in a process of its own. Takes a `Flood` as JSON, and prints
 * what came of each attack as JSON: how often, by status.
 */
import { linkPaths, sessionHeader } from "../src/wire/link/constants.ts";
import { hostileBodies } from "./hostile-bodies.ts";
import { answerForms } from "./hostile-provider.ts";
import { seeded } from "./seeded.ts";

export interface Flood {
  port: number;
  /** Bearers: one that may run llms, one that may publish llms. */
  caller: string;
  publisher: string;
  seconds: number;
  /** Goes on after its time until so many different attacks have ended; 0 if not given. */
  least?: number;
  /** Attacks at a time. */
  width: number;
  /** The most bytes of a body. */
  bytes: number;
  seed: number;
}

/** Number of endings by attack and ending: a status, `refused` or `hung`. */
export type FloodResult = Record<string, Record<string, number>>;

/** An attack without an end in this time hangs. Milliseconds. */
const patience = 60_000;

/** The most bytes of a frame of an agent that the server takes, without what stands around the text of an attack. */
const maxFrameBytes = 8 * 1024 * 1024 - 1024;

export type Attack = (signal: AbortSignal) => Promise<string>;

async function run(flood: Flood): Promise<FloodResult> {
  const attacks = Object.entries(await attacksOf(flood));
  const random = seeded(flood.seed);
  const result: FloodResult = {};
  const end = performance.now() + flood.seconds * 1000;
  let turn = Math.floor(random() * attacks.length);
  const attacker = async () => {
    while (performance.now() < end || Object.keys(result).length < (flood.least ?? 0)) {
      const [name, attack] = attacks[turn++ % attacks.length]!;
      const ending = await attack(AbortSignal.timeout(patience)).catch((error: Error) =>
        error.name === "TimeoutError" ? "hung" : "refused",
      );
      const counts = result[name] ?? {};
      result[name] = counts;
      counts[ending] = (counts[ending] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: flood.width }, attacker));
  return result;
}

export async function attacksOf({ port, caller, publisher, bytes }: Flood): Promise<Record<string, Attack>> {
  const url = `http://127.0.0.1:${port}`;
  const attacks: Record<string, Attack> = {};
  const post = (path: string, body: string, bearer?: string, method = "POST"): Attack => {
    return async (signal) => {
      const headers = {
        "content-type": "application/json",
        ...(bearer && { authorization: `Bearer ${bearer}` }),
      };
      const response = await fetch(`${url}${path}`, { method, headers, body, signal });
      for await (const _ of response.body ?? []);
      return String(response.status);
    };
  };
  const bodies = Object.entries(hostileBodies(bytes));
  const frames = hostileBodies(Math.min(bytes, maxFrameBytes));
  attacks["frame: longer than any may be"] = (signal) => frame(port, publisher, "x".repeat(bytes), signal);
  for (const [name, body] of bodies) {
    attacks[`login: ${name}`] = post("/api/v1/auth/login", body);
    attacks[`call: ${name}`] = post("/v1/chat/completions", body, caller);
    attacks[`messages: ${name}`] = post("/v1/messages", body, caller);
    attacks[`frame: ${name}`] = (signal) => frame(port, publisher, frames[name]!, signal);
  }
  // Every other route that takes a body gets one of the bodies, with a bearer that may do little and with none.
  const description = await fetch(`${url}/openapi.json`, { headers: { authorization: `Bearer ${caller}` } });
  const { paths } = (await description.json()) as { paths: Record<string, object> };
  let next = 0;
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of Object.keys(methods)) {
      if (method !== "post" && method !== "put") continue;
      const [name, body] = bodies[next++ % bodies.length]!;
      const at = path.replace(/\{\w+\}/g, "x");
      for (const bearer of [caller, publisher, undefined])
        attacks[
          `${method} ${path} (${bearer === caller ? "caller" : bearer ? "publisher" : "nobody"}): ${name}`
        ] = post(at, body, bearer, method.toUpperCase());
    }
  }
  const question = { messages: [{ role: "user", content: "hi" }], max_tokens: 5 };
  for (const form of answerForms) {
    for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/responses"]) {
      const input = path.endsWith("responses") ? { input: "hi" } : question;
      for (const stream of [false, true])
        attacks[`answer ${form}: ${path}${stream ? ", streamed" : ""}`] = post(
          path,
          JSON.stringify({ model: `hostile-${form}`, ...input, stream }),
          caller,
        );
    }
  }
  return attacks;
}

/** Attaches as an agent and sends one frame that no agent sends. Returns the code with which the server closes. */
async function frame(port: number, bearer: string, text: string, signal: AbortSignal): Promise<string> {
  const url = `http://127.0.0.1:${port}`;
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const register = { method: "POST", headers, signal, body: '{"protocol":2,"providers":[]}' };
  const registered = await fetch(`${url}${linkPaths.register}`, register);
  if (!registered.ok) return String(registered.status);
  const { providerSessionId } = (await registered.json()) as { providerSessionId: string };
  const socket = new WebSocket(`ws://127.0.0.1:${port}${linkPaths.stream}`, {
    headers: { authorization: `Bearer ${bearer}`, [sessionHeader]: providerSessionId },
  } as never);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve("hung"));
    socket.addEventListener("open", () => socket.send(text));
    socket.addEventListener("close", ({ code }) => resolve(`closed ${code}`));
    socket.addEventListener("error", () => resolve("refused"));
  });
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(process.argv[2]!) as Flood)));
  process.exit();
}
