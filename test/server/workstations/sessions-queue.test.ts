import { expect, it } from "vitest";
import { linkPaths } from "../../../src/wire/link/constants.ts";
import { openHeldStore } from "../../support/held-store.ts";
import { must, testServer } from "../../support/server.ts";

const body = (name: string) =>
  JSON.stringify({ protocol: 2, providers: [{ name, type: "vllm", model: "qwen" }] });

it("an agent that has gone while it waited for its turn is neither registered nor attached (failure mode 302)", async () => {
  const { store, hold } = await openHeldStore();
  const server = await testServer({ store });
  const { bearer, call } = await server.token("desk", [{ role: "expose", resource: "llms" }]);
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const register = (name: string, signal?: AbortSignal) =>
    fetch(`${server.url}${linkPaths.register}`, {
      method: "POST",
      headers,
      body: body(name),
      ...(signal && { signal }),
    });
  /** Returns when the server has seen what was sent to it, or closed, before. */
  const seen = async () => {
    for (let n = 0; n < 3; n++) await server.as()("GET", "/healthz");
  };
  const { providerSessionId, epoch } = await (await register("attaching")).json();

  const database = hold("addProviderSession", "before");
  const first = register("first");
  await database.reached;
  const gone = new AbortController();
  const session = { ...headers, "x-mcpctl-provider-session": providerSessionId };
  const left = [
    register("gone", gone.signal),
    fetch(`${server.url}${linkPaths.stream}`, { headers: session, signal: gone.signal }),
  ].map((response) => response.catch(({ name }) => name));
  const socket = new WebSocket(`${server.url.replace("http", "ws")}${linkPaths.stream}`, {
    headers: session,
  } as never);
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  await seen();
  gone.abort();
  (socket as unknown as { terminate(): void }).terminate();
  expect(await Promise.all(left)).toEqual(["AbortError", "AbortError"]);
  await closed;
  await seen();
  database.release();

  expect((await first).status).toBe(201);
  expect((await register("last")).status).toBe(201);
  const { body: llms } = await must(server.admin("GET", "/api/v1/llms"));
  expect(llms.map(({ name }: { name: string }) => name)).toEqual(["attaching", "first", "last"]);
  const beat = await must(call("POST", linkPaths.heartbeat, { providerSessionId }));
  expect(beat.body.epoch).toBe(epoch);
});

it("an agent is attached, and its models are callable, before registrations that wait (failure mode 310)", async () => {
  const { store, hold } = await openHeldStore();
  const server = await testServer({ store });
  const { bearer } = await server.token("desk", [{ role: "expose", resource: "llms" }]);
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const register = async (name: string) =>
    (await fetch(`${server.url}${linkPaths.register}`, { method: "POST", headers, body: body(name) })).json();
  const { providerSessionId } = await register("attaching");

  const order: string[] = [];
  const { addProviderSession, commit } = store;
  const database = hold("addProviderSession", "before");
  const first = register("first");
  await database.reached;
  Object.assign(store, {
    addProviderSession(...args: Parameters<typeof addProviderSession>) {
      order.push("registered");
      return addProviderSession(...args);
    },
    commit(...args: Parameters<typeof commit>) {
      if (args[0].some((write) => write.op === "update" && write.row.status["status"] === "active"))
        order.push("callable");
      return commit(...args);
    },
  });
  const late = ["a", "b", "c"].map(register);
  // They wait in the server before the agent attaches.
  for (let n = 0; n < 3; n++) await server.as()("GET", "/healthz");
  const socket = new WebSocket(`${server.url.replace("http", "ws")}${linkPaths.stream}`, {
    headers: { ...headers, "x-mcpctl-provider-session": providerSessionId },
  } as never);
  const opened = new Promise((resolve) => socket.addEventListener("open", resolve));
  for (let n = 0; n < 3; n++) await server.as()("GET", "/healthz");
  database.release();
  await Promise.all([first, opened, ...late]);
  await must(server.admin("GET", "/api/v1/llms"));
  socket.close();
  expect(order.slice(0, 2)).toContain("callable");
  expect(order.filter((one) => one === "registered")).toHaveLength(3);
});
