import { expect, it } from "vitest";
import { systemTime } from "../../src/time.ts";
import { memoryProvider, memoryProviders } from "../support/agent/memory-providers.ts";
import { testAgent } from "../support/agent/test-agent.ts";
import { type BinaryServer, startBinary } from "../support/binary.ts";

const agents = 100;

it("a hundred agents come back to a server that was killed, each to its own session, and the server answers meanwhile (failure mode 6)", {
  timeout: 600_000,
}, async () => {
  const first = await startBinary();
  const roleBindings = [{ role: "expose", resource: "llms" }];
  const { body } = await first.admin("POST", "/api/v1/tokens", { name: "desk", roleBindings });
  const ids = new Set<string>();
  const all = Array.from({ length: agents }, (_, n) =>
    testAgent({
      url: first.url,
      token: () => body.token,
      time: systemTime,
      bootId: `boot-${n}`,
      providers: memoryProviders(memoryProvider(`model-${n}`)),
    }),
  );
  const active = async (server: BinaryServer) => {
    const { body: llms } = await server.admin("GET", "/api/v1/llms");
    return llms.filter((llm: { status: string }) => llm.status === "active").length;
  };
  const attached = async (server: BinaryServer) => {
    const { text } = await server.admin("GET", "/metrics");
    // An agent whose WebSocket was late on a loaded machine comes over SSE.
    const counts = text.matchAll(/^mcpctl_attached_agents\{.*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  // A hundred agents share two cores with whatever else the machine does: only the limit of the test ends a wait.
  const withinMinutes = { timeout: 600_000 };
  await expect.poll(() => attached(first), withinMinutes).toBe(agents);
  for (const { sessionFile } of all) ids.add(sessionFile.providerSessionId!);
  expect(ids.size).toBe(agents);

  first.kill("SIGKILL");
  await first.ended;
  const { host } = new URL(first.url);
  const back = await startBinary({ home: first.home, args: ["--listen", host] });
  let slowest = 0;
  await expect
    .poll(async () => {
      const at = performance.now();
      await back.call("GET", "/healthz");
      slowest = Math.max(slowest, performance.now() - at);
      return attached(back);
    }, withinMinutes)
    .toBe(agents);
  // An agent is attached before its llms are stored as active.
  await expect.poll(() => active(back), withinMinutes).toBe(agents);
  // A bound against a server that is starved by the agents it takes back.
  expect(slowest).toBeLessThan(30_000);
  expect(new Set(all.map(({ sessionFile }) => sessionFile.providerSessionId))).toEqual(ids);
  expect((await back.admin("GET", "/api/v1/llms")).body.length).toBe(agents);
});
