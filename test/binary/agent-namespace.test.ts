import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { binary, cleanEnv, freshFolder, startBinary } from "../support/binary.ts";
import { readStream } from "../support/test-machines.ts";

/** `ip`, of which this needs namespaces: root, on Linux, where the kernel lets it. */
function ip(...args: string[]): boolean {
  return Bun.spawnSync(["ip", ...args], { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

const name = `mcp${process.pid % 100_000}`;
const isPossible = Bun.which("ip") !== null && ip("netns", "add", name) && ip("netns", "delete", name);

/** A model that says numbered words, some milliseconds apart, in a program of its own. */
const model = `
Bun.serve({ hostname: "127.0.0.1", port: 8000, async fetch(request) {
  const { pathname } = new URL(request.url);
  if (request.method === "GET") return Response.json(pathname === "/health" ? {} : { object: "list", data: [{ id: "m" }] });
  await request.text();
  const frame = (choice) => "data: " + JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, ...choice }] }) + "\\n\\n";
  return new Response(async function* () {
    for (let n = 0; n < 150; n++) { yield frame({ delta: { content: n + " " }, finish_reason: null }); await Bun.sleep(20); }
    yield frame({ delta: {}, finish_reason: "stop" }) + "data: [DONE]\\n\\n";
  }, { headers: { "content-type": "text/event-stream" } });
} });`;

it.skipIf(!isPossible)(
  "a cable that is out for a second loses no token and doubles none; the workstation opens no port to the network",
  async () => {
    const near = `${name}n`;
    const far = `${name}f`;
    ip("netns", "add", name);
    onTestFinished(() => void ip("netns", "delete", name));
    expect(ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)).toBe(true);
    onTestFinished(() => void ip("link", "delete", near));
    const subnet = `10.${200 + (process.pid % 50)}.${process.pid % 250}`;
    ip("addr", "add", `${subnet}.1/24`, "dev", near);
    ip("link", "set", near, "up");
    const inside = ["netns", "exec", name];
    ip(...inside, "ip", "link", "set", "lo", "up");
    ip(...inside, "ip", "addr", "add", `${subnet}.2/24`, "dev", far);
    ip(...inside, "ip", "link", "set", far, "up");

    const server = await startBinary({ args: ["--listen", `${subnet}.1:0`] });
    const roleBindings = ["expose", "run"].map((role) => ({ role, resource: "llms" }));
    const token = await server.admin("POST", "/api/v1/tokens", { name: "desk", roleBindings });
    const home = freshFolder();
    mkdirSync(join(home, ".mcpctl"), { mode: 0o700 });
    const provider = { name: "desk", type: "vllm", model: "m", publish: true };
    writeFileSync(join(home, ".mcpctl/config.json"), JSON.stringify({ llm: { providers: [provider] } }), {
      mode: 0o600,
    });
    const spawn = (argv: string[], env: Record<string, string> = {}) => {
      const running = Bun.spawn(["ip", ...inside, ...argv], {
        env: cleanEnv(home, env),
        cwd: home,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      });
      onTestFinished(() => running.kill("SIGKILL"));
      return running;
    };
    spawn([process.execPath, "-e", model]);
    spawn([binary, "agent"], { MCPCTL_SERVER: server.url, MCPCTL_TOKEN: token.body.token });
    const status = async () => (await server.admin("GET", "/api/v1/llms/desk")).body?.status;
    await expect.poll(status).toBe("active");

    const call = () =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token.body.token}` },
        body: JSON.stringify({ model: "desk", stream: true, messages: [{ role: "user", content: "count" }] }),
      });
    // The agent and its model start at the same moment, and the llm is active once the model responds.
    const answer = await call();
    expect(answer.status).toBe(200);
    ip("link", "set", near, "down");
    // As long as the cable is out.
    await Bun.sleep(1000);
    ip("link", "set", near, "up");
    const words = Array.from({ length: 150 }, (_, n) => `${n} `).join("");
    expect(await readStream(answer)).toEqual({ text: words, done: true, error: undefined });

    // Whatever listens in there listens on loopback.
    const listening = Bun.spawnSync([
      "ip",
      ...inside,
      "cat",
      "/proc/net/tcp",
      "/proc/net/tcp6",
    ]).stdout.toString();
    const addresses = [...listening.matchAll(/^ *\d+: ([0-9A-F]+):[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} 0A/gm)];
    expect(addresses.length).toBeGreaterThan(0);
    for (const [, address] of addresses) expect(address).toBe("0100007F");
  },
);
