/*
 * An MCP server over stdio that does what its arguments and the arguments of its tools say. It is a program of its own:
 * `bun scripted-stdio.ts JOURNAL [MODE...]`. It writes a line to the journal for all that tests look at.
 */
import { dlopen } from "bun:ffi";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";

type Json = Record<string, unknown>;

const [journal = "/dev/null", ...modes] = process.argv.slice(2);
const has = (mode: string) => modes.includes(mode);
const note = (text: string) => appendFileSync(journal, `${text}\n`);
const send = (message: Json) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const marker = (name: string) => `${journal}.${name}`;

const say = (text: string) => process.stderr.write(`${text}\n`);
const noise = (text: string) => process.stdout.write(`${text}\n`);

note(`start ${process.pid}`);
process.on("SIGTERM", () => {
  note(`sigterm ${process.pid}`);
  if (!has("ignore-sigterm")) process.exit(0);
});
if (has("ignore-sigterm")) setInterval(() => {}, 1000);
if (has("crash")) {
  say("cannot open the socket: address in use");
  process.exit(3);
}
if (has("crash-oddly")) {
  say(`Error: half a character \ud83d is written as a whole one, and a NUL \u0000 is none`);
  process.exit(3);
}
if (has("crash-while-marked") && existsSync(marker("broken"))) {
  say("the broken marker is there");
  process.exit(4);
}
if (has("chatty")) {
  noise("Server is running on stdio");
  noise("{not json");
  say("\u001b[31mwelcome\u001b[0m");
  for (let i = 0; i < 2000; i++) say(`line ${i} ${"x".repeat(100)}`);
}
if (has("prints-key")) say(`the key is ${process.env["API_KEY"]}`);

let counter = 0;
let waiting = 0;
let nextId = 1;
const asked = new Map<unknown, (answer: Json) => void>();
const running = new Map<unknown, () => void>();

/** The tools of a file that a test writes, or these. */
function tools(): Json[] {
  const own = existsSync(marker("tools")) ? JSON.parse(readFileSync(marker("tools"), "utf8")) : [];
  const schema = { type: "object" };
  const names = [
    "echo",
    "count",
    "wait",
    "crash",
    "hang",
    "progress",
    "ask",
    "env",
    "flood",
    "close",
    "notify",
  ];
  return [
    ...names.map((name) => ({ name, description: `does ${name}`, inputSchema: schema })),
    { name: "crash_once", inputSchema: schema, annotations: { readOnlyHint: true } },
    { name: "crash_always", inputSchema: schema, annotations: { readOnlyHint: true } },
    ...own,
  ];
}

const text = (value: unknown) => ({ content: [{ type: "text", text: String(value) }] });

function ask(method: string, params: Json = {}): Promise<Json> {
  const id = `q${nextId++}`;
  send({ id, method, params });
  return new Promise((resolve) => asked.set(id, resolve));
}

function hang(): never {
  for (;;) Bun.sleepSync(1000);
}

/** Closes stdout, of which Bun holds further descriptors. */
function closeOutput(): void {
  const { symbols } = dlopen("libc.so.6", { close: { args: ["i32"], returns: "i32" } });
  const target = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return undefined;
    }
  };
  const own = target("1");
  for (const fd of readdirSync("/proc/self/fd")) if (target(fd) === own) symbols.close(Number(fd));
}

async function call(id: unknown, name: string, args: Json, meta: Json): Promise<Json> {
  switch (name) {
    case "count":
      return text(++counter);
    case "env":
      return text(process.env[String(args["name"])] ?? "");
    case "wait_read":
    case "wait": {
      waiting++;
      note(`waiting ${waiting} ${args["text"] ?? ""}`);
      const cancelled = await new Promise<boolean>((resolve) => {
        running.set(id, () => resolve(true));
        if (args["ms"] !== undefined) setTimeout(() => resolve(false), Number(args["ms"]));
        else {
          const look = () => (existsSync(marker("go")) ? resolve(false) : setTimeout(look, 10));
          look();
        }
      });
      waiting--;
      note(`${cancelled ? "cancelled" : "done"} ${args["text"] ?? ""}`);
      return text(args["text"]);
    }
    case "crash":
      note("crashing");
      // What is written otherwise may be lost when the program exits.
      writeSync(2, "segmentation fault, so to speak\n");
      return process.exit(9);
    case "crash_once":
      note("crash_once");
      if (existsSync(marker("crashed"))) return text("survived");
      writeFileSync(marker("crashed"), "");
      return process.exit(9);
    case "crash_always":
      note("crash_always");
      return process.exit(9);
    case "hang":
      note("hanging");
      return hang();
    case "progress":
      for (let i = 1; i <= Number(args["steps"]); i++) {
        await Bun.sleep(Number(args["ms"]));
        send({
          method: "notifications/progress",
          params: { progressToken: meta["progressToken"], progress: i },
        });
      }
      return text("done");
    case "ask":
      return text(JSON.stringify(await ask(String(args["method"]), { messages: [], maxTokens: 1 })));
    case "flood":
      for (let i = 0; i < Number(args["lines"]); i++) say(`flood ${i} ${"y".repeat(200)}`);
      return text("flooded");
    case "close":
      note("closing");
      closeOutput();
      return hang();
    case "notify":
      send({ method: String(args["method"]), params: (args["params"] as Json) ?? {} });
      return text("sent");
    default:
      note(`call ${name} ${args["text"] ?? ""}`);
      return text(args["text"]);
  }
}

async function receive(message: Json): Promise<void> {
  const { id, method, params = {} } = message as { id?: unknown; method?: string; params?: Json };
  if (method === undefined) return asked.get(id)?.(message);
  if (method === "notifications/cancelled") return running.get(params["requestId"])?.();
  if (id === undefined) return;
  const result = (value: Json) => send({ id, result: value });
  if (method === "server/discover") {
    note("probe");
    if (has("dies-on-probe")) process.exit(1);
    return send({ id, error: { code: -32601, message: "unknown method" } }) as never;
  }
  if (method === "initialize") {
    if (has("mute")) return;
    if (has("slow")) await Bun.sleep(1500);
    const capabilities = { tools: { listChanged: true }, resources: {}, prompts: {} };
    const instructions = existsSync(marker("instructions"))
      ? readFileSync(marker("instructions"), "utf8")
      : undefined;
    return result({
      protocolVersion: "2025-11-25",
      capabilities,
      serverInfo: { name: "scripted" },
      instructions,
    }) as never;
  }
  if (method === "tools/list") {
    note("list");
    if (existsSync(marker("deaf"))) hang();
    return result({ tools: tools() }) as never;
  }
  if (method === "resources/list") return result({ resources: [] }) as never;
  if (method === "resources/templates/list") return result({ resourceTemplates: [] }) as never;
  if (method === "prompts/list") return result({ prompts: [] }) as never;
  if (method === "ping") return result({}) as never;
  if (method !== "tools/call")
    return send({ id, error: { code: -32601, message: "unknown method" } }) as never;
  const meta = (params["_meta"] as Json | undefined) ?? {};
  const { refusal } = (params["arguments"] ?? {}) as { refusal?: string };
  if (refusal !== undefined) return send({ id, error: { code: -32_000, message: refusal } }) as never;
  result(await call(id, String(params["name"]), (params["arguments"] as Json | undefined) ?? {}, meta));
}

let rest = "";
process.stdin.on("data", (bytes) => {
  const lines = (rest + bytes.toString()).split("\n");
  rest = lines.pop()!;
  for (const line of lines) if (line.trim() !== "") void receive(JSON.parse(line));
});
process.stdin.on("end", () => !has("ignore-sigterm") && process.exit(0));
