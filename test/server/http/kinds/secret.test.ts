import { expect, it } from "vitest";
import { must, testServer } from "../../../support/server.ts";

const exposing = { role: "expose", resource: "secrets", name: "key" };
const editing = { role: "edit", resource: "llms" };

it("a change of a secret warns of objects whose owners may no longer use it, if the caller sees them (T380)", async () => {
  const { admin, user } = await testServer();
  await must(admin("POST", "/api/v1/secrets", { name: "key", data: { k: "sk-1" } }));
  const bob = await user("bob", [exposing, editing]);
  const alice = await user("alice", [{ role: "edit", resource: "secrets" }]);
  for (const [name, visibility] of [
    ["open", "public"],
    ["hidden", "private"],
  ]) {
    const apiKeyRef = { name: "key", key: "k" };
    const llm = { name, visibility, type: "openai", model: "m", url: "http://127.0.0.1:9", apiKeyRef };
    await must(bob.call("POST", "/api/v1/llms?probe=false", llm));
  }
  const change = async (call: typeof admin, k: string) =>
    (await must(call("PUT", "/api/v1/secrets/key", { name: "key", data: { k } }))).body.warnings;
  expect(await change(admin, "sk-2")).toBeUndefined();

  const subjects = [{ kind: "User", name: "bob" }];
  await must(admin("PUT", "/api/v1/rbac/of-bob", { name: "of-bob", subjects, roleBindings: [editing] }));
  expect(await change(admin, "sk-3")).toEqual([
    "the value also goes to llm 'hidden' of bob, llm 'open' of bob, without expose on the secret; " +
      "take the secret off what should not have it, or grant expose",
  ]);
  expect(await change(alice.call, "sk-4")).toBeUndefined();
  await must(
    admin("POST", "/api/v1/rbac", {
      name: "seeing",
      subjects: [{ kind: "User", name: "alice" }],
      roleBindings: [{ role: "view", resource: "llms" }],
    }),
  );
  expect(await change(alice.call, "sk-5")).toEqual([
    expect.stringContaining("goes to llm 'open' of bob, without"),
  ]);
});
