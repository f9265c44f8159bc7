import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { must } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { turnsOf } from "../../../support/turns.ts";
import { hello, withPersona } from "../personas/setup.ts";

it("a thread of megabytes is read in several turns, and its messages are deleted before it (T365)", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const left: number[] = [];
  const { deleteThread } = store;
  store.deleteThread = async (id) => {
    left.push((await store.threadMessages(id)).length);
    return deleteThread(id);
  };
  const { call } = await withPersona({}, { store });
  const { id } = (await must(call("POST", "/api/v1/agents/reviewer/threads", { title: "long" }))).body;
  const path = `/api/v1/threads/${id}`;
  const empty = (await must(call("GET", path))).body;
  expect(empty).toMatchObject({ id, agent: "reviewer", title: "long", messages: [] });
  const messages = Array.from({ length: 1500 }, (_, n) => ({
    role: "user",
    content: `${n} "größe"\n`.repeat(300),
  }));
  await store.appendToThread(id, messages, 1);
  const { value, turns } = await turnsOf(store.threadMessages(id));
  expect(value).toEqual(messages);
  expect(turns).toBeGreaterThan(1);
  const long = await must(call("GET", path));
  expect(long.headers.get("content-type")).toMatch("application/json");
  expect(long.body.messages).toEqual(messages);
  await store.appendToThread(id, messages, 1);
  const full = await call("POST", "/api/v1/agents/reviewer/chat", { thread: id, messages: [hello] });
  expect([full.status, full.body.error]).toEqual([409, "this thread is full"]);
  expect((await call("DELETE", path)).status).toBe(204);
  expect(left).toEqual([0]);
  expect((await call("GET", path)).status).toBe(404);
});
