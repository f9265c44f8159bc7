import { expect, it, onTestFinished } from "vitest";
import { must, testServer } from "../../support/server.ts";
import { chatFrames, chunk, type Script, streamHead, upstream } from "../../support/upstream.ts";

/** `ip`, of which this needs namespaces: root, on Linux, where the kernel lets it. */
function ip(...args: string[]): boolean {
  return Bun.spawnSync(["ip", ...args], { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

const name = `mcv${process.pid % 100_000}`;
const isPossible = Bun.which("ip") !== null && ip("netns", "add", name) && ip("netns", "delete", name);

/** A provider that sends words without end, until its caller leaves. */
const endless: Script = async (_, connection) => {
  connection.write(streamHead);
  const frame = chunk(chatFrames(["word "], false)[0]!);
  const timer = setInterval(() => connection.write(frame), 100);
  onTestFinished(() => clearInterval(timer));
};

/** Opens a watch and a call and prints a line when both have begun. */
const caller = `
  const [url, bearer] = process.argv.slice(-2);
  const headers = { authorization: "Bearer " + bearer, "content-type": "application/json" };
  const body = JSON.stringify({ model: "gpt", stream: true, messages: [{ role: "user", content: "hi" }] });
  const begun = await Promise.all([
    fetch(url + "/api/v1/llms?watch=1", { headers }),
    fetch(url + "/v1/chat/completions", { method: "POST", headers, body }),
  ]);
  const readers = begun.map((response) => response.body.getReader());
  await Promise.all(readers.map((reader) => reader.read()));
  console.log("begun");
  setTimeout(() => process.exit(), 240_000);
  for (;;) await readers[1].read();
`;

it.skipIf(!isPossible)(
  "the streams of a machine that vanishes end, and so does its call (failure mode 77)",
  async () => {
    const [near, far] = [`${name}n`, `${name}f`];
    ip("netns", "add", name);
    onTestFinished(() => void ip("netns", "delete", name));
    expect(ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)).toBe(true);
    onTestFinished(() => void ip("link", "delete", near));
    const subnet = `10.${150 + (process.pid % 50)}.${process.pid % 250}`;
    ip("addr", "add", `${subnet}.1/24`, "dev", near);
    ip("link", "set", near, "up");
    ip("netns", "exec", name, "ip", "addr", "add", `${subnet}.2/24`, "dev", far);
    ip("netns", "exec", name, "ip", "link", "set", far, "up");

    const server = await testServer({
      listen: { hostname: `${subnet}.1`, port: 0 },
      connections: { vanishedSeconds: 3 },
    });
    const provider = upstream(endless);
    const llm = { name: "gpt", type: "openai", model: "m", url: provider.url };
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
    const { bearer } = await server.token("t", [
      { role: "run", resource: "llms" },
      { role: "view", resource: "llms" },
    ]);
    const argv = ["ip", "netns", "exec", name, process.execPath, "-e", caller, "--", server.url, bearer];
    const running = Bun.spawn(argv, { stdout: "pipe", stderr: "ignore" });
    onTestFinished(() => running.kill("SIGKILL"));
    expect((await running.stdout.getReader().read()).value).toBeDefined();

    const metric = async (name: string) => {
      const { text } = await server.admin("GET", "/metrics");
      return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
    };
    expect(await metric("mcpctl_open_connections")).toBe(2);
    expect(await metric("mcpctl_open_streams")).toBe(2);
    ip("link", "set", near, "down");
    await provider.closed();
    while ((await metric("mcpctl_open_streams")) > 0) await Bun.sleep(100);
    expect(await metric("mcpctl_open_connections")).toBe(0);
  },
);
