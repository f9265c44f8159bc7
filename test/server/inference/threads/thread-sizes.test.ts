import { expect, it } from "vitest";
import { openHeldStore } from "../../../support/held-store.ts";
import { type Client, must } from "../../../support/server.ts";
import { hello, withPersona } from "../personas/setup.ts";

const begin = async (call: Client): Promise<string> =>
  (await must(call("POST", "/api/v1/agents/reviewer/threads", {}))).body.id;
const say = (call: Client, thread: string, content: string) =>
  call("POST", "/api/v1/agents/reviewer/chat", { thread, messages: [{ role: "user", content }] });
const most = 'user "bob" may have at most 1 threadMegabytes';

it("all threads of a user together have a size, which the error says (T367)", async () => {
  const { call, provider } = await withPersona({}, { quotas: { threadMegabytes: 1 } });
  const [first, second] = [await begin(call), await begin(call)];
  await must(say(call, first, "a".repeat(700_000)));
  const { status, body } = await say(call, second, "b".repeat(400_000));
  expect([status, body.error]).toEqual([409, most]);
  expect(body.hint).toContain("quotas.threadMegabytes=N");
  expect(provider.seen).toHaveLength(1);
  // The first one goes on, as does a call that stores nothing, and there is room again when it is deleted.
  await must(say(call, second, "b".repeat(100_000)));
  await must(call("POST", "/api/v1/agents/reviewer/chat", { messages: [hello] }));
  await must(call("DELETE", `/api/v1/threads/${first}`));
  await must(say(call, second, "b".repeat(400_000)));
});

it("turns at the same time do not pass it together, however late one of them counts (T367)", async () => {
  const { store, hold } = await openHeldStore();
  const { call } = await withPersona({}, { store, quotas: { threadMegabytes: 1 } });
  const threads = [await begin(call), await begin(call)];
  const late = hold("threadUse", "after");
  const first = say(call, threads[0]!, "a".repeat(600_000));
  await late.reached;
  expect((await say(call, threads[1]!, "b".repeat(600_000))).status).toBe(200);
  late.release();
  expect([(await first).status, (await first).body.error]).toEqual([409, most]);
});
