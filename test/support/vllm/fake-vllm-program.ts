import { appendFileSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Behaviour } from "./fake-vllm.ts";

/**
 * A program that behaves like `vllm serve`: `bun fake-vllm-program.ts FOLDER serve MODEL --port …`. It reads its behaviour
 * from FOLDER/behaviour.json at each step, and writes what happens to FOLDER/events.
 */
const [folder, , model, ...args] = process.argv.slice(2) as [string, string, string, ...string[]];
const behaviour = (): Behaviour => JSON.parse(readFileSync(join(folder, "behaviour.json"), "utf8"));
const note = (event: string) => appendFileSync(join(folder, "events"), `${event}\n`);
// Written at once: what waits is lost when the process ends.
const say = (line: string) => writeSync(1, `(APIServer pid=${process.pid}) INFO 11-21 12:00:00 ${line}\n`);
const given = (flag: string) => args[args.lastIndexOf(flag) + 1]!;
const stepMs = behaviour().stepMs ?? 5;

note(`start ${process.pid} ${JSON.stringify({ args, env: process.env, cwd: process.cwd() })}`);

let engine: Bun.Subprocess | undefined;
let isDead = false;
let isAsleep = false;

process.on("SIGTERM", async () => {
  note("term");
  if (behaviour().ignoresTerm) return;
  engine?.kill("SIGKILL");
  await engine?.exited;
  note("left");
  process.exit(0);
});

say("Initializing a V1 LLM engine (v0.33.0) with config: …");
// It has the model's weights, and outlives a parent that is killed; it does not listen to SIGTERM while it starts.
const engineScript = `trap "" TERM; exec tail -f ${join(folder, "behaviour.json")}`;
engine = Bun.spawn(["sh", "-c", engineScript], {
  stdio: ["ignore", "ignore", "ignore"],
  detached: behaviour().engineLeavesGroup === true,
});
note(`engine ${engine.pid}`);
for (const line of [
  "Starting to load model …",
  "Loading weights took 12.31 seconds",
  "torch.compile takes 15.02 s in total",
  "Capturing CUDA graphs (decode, FULL): 100%",
  "Graph capturing finished in 8 secs, took 0.31 GiB",
]) {
  await Bun.sleep(stepMs);
  say(line);
  const end = behaviour().endsAt;
  if (end && line.includes(end.line)) leave(end.says, end.code ?? 1);
  while (behaviour().hangsAt !== undefined && line.includes(behaviour().hangsAt!)) await Bun.sleep(5);
}

function leave(says: string, code: number): never {
  writeSync(1, `ERROR 11-21 12:00:01 ${says}\n`);
  note("ends");
  process.exit(code);
}

const json = (body: unknown, status = 200) => Response.json(body, { status });
const chunk = (content: string) =>
  `data: ${JSON.stringify({ object: "chat.completion.chunk", model, choices: [{ index: 0, delta: { content } }] })}\n\n`;

async function complete(request: Request, isChat: boolean): Promise<Response> {
  const asked = (await request.json()) as { stream?: boolean; max_tokens?: number; prompt?: string };
  if (asked.max_tokens === 1 && asked.prompt !== undefined) {
    note("one token");
    const status = behaviour().firstStatus ?? 200;
    return json({ choices: [{ index: 0, text: "!" }] }, status);
  }
  note("call");
  if (isAsleep) return json({ error: { message: "asleep" } }, 500);
  await Bun.sleep(behaviour().prefillMs ?? 0);
  if (behaviour().outOfMemory === "mid-generation" && !asked.stream)
    leave("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", 1);
  if (!asked.stream) {
    const message = { role: "assistant", content: "hello" };
    return json({ model, choices: [{ index: 0, ...(isChat ? { message } : { text: "hello" }) }] });
  }
  const pieces = (async function* () {
    yield chunk("hel");
    await Bun.sleep(stepMs);
    if (behaviour().outOfMemory === "mid-generation")
      leave("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", 1);
    yield `${chunk("lo")}data: [DONE]\n\n`;
  })();
  return new Response(pieces as unknown as ReadableStream, {
    headers: { "content-type": "text/event-stream" },
  });
}

const devMode = process.env["VLLM_SERVER_DEV_MODE"] === "1";
const hasSleep = devMode && args.includes("--enable-sleep-mode");

Bun.serve({
  hostname: given("--host"),
  port: Number(given("--port")),
  idleTimeout: 0,
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    switch (`${request.method} ${pathname}`) {
      case "GET /health":
        note("health");
        isDead ||= behaviour().engineDead === true;
        return new Response(null, { status: isDead ? 503 : 200 });
      case "GET /v1/models":
        return json({ object: "list", data: [{ id: behaviour().serves ?? given("--served-model-name") }] });
      case "POST /v1/completions":
        return complete(request, false);
      case "POST /v1/chat/completions":
        return complete(request, true);
    }
    if (!hasSleep) return json({ detail: "Not Found" }, 404);
    switch (`${request.method} ${pathname}${search}`) {
      case "POST /sleep?level=1":
        note("sleep");
        while (behaviour().sleepHangs) await Bun.sleep(5);
        if (behaviour().sleepFails) return json({ error: "no" }, 500);
        isAsleep = true;
        return new Response(null);
      case "POST /wake_up":
        note("wake up");
        if (behaviour().wakeFails) return json({ error: "no" }, 500);
        isAsleep = false;
        return new Response(null);
      case "GET /is_sleeping":
        return json({ is_sleeping: isAsleep });
    }
    return json({ detail: "Not Found" }, 404);
  },
});
say("Starting vLLM API server 0 on …");
