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
