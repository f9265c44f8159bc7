import { expect, it } from "vitest";
import { must, testServer } from "../../../support/server.ts";

it("a reference to a mistyped name gets the nearest one that the caller may name, and no other (T118)", async () => {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/secrets", { name: "openai-key", data: { k: "v" } }));
  const alice = await server.user("alice", [
    { role: "edit", resource: "llms" },
    { role: "create", resource: "llms" },
  ]);
  const llm = { name: "x", type: "openai", model: "m", apiKeyRef: { name: "openai-kye", key: "k" } };
  const message = (body: { error: string }) => body.error;
  const asAdmin = await server.admin("POST", "/api/v1/llms?probe=false", llm);
  expect(message(asAdmin.body)).toBe(
    'invalid llm: apiKeyRef: there is no secret "openai-kye"; did you mean "openai-key"?',
  );
  const asAlice = await alice.call("POST", "/api/v1/llms?probe=false", llm);
  expect(asAlice.status).toBeGreaterThanOrEqual(400);
  expect(asAlice.text).not.toContain("openai-key");
  const members = ["alcie", "alicee", "alic", "aliec"];
  const group = await server.admin("POST", "/api/v1/groups", { name: "g", members });
  const told = group.body.details.map((fault: { message: string }) => fault.message.includes("did you mean"));
  // Each suggestion takes time.
  expect(told).toEqual([true, true, true, false]);
  const roleBindings = [{ role: "view", resource: "secrets", name: "openai-kee" }];
  const binding = await server.admin("POST", "/api/v1/rbac", { name: "b", roleBindings });
  expect(message(binding.body)).toBe(
    'invalid rbac: roleBindings.0.name: there is no secret "openai-kee"; did you mean "openai-key"?',
  );
});
