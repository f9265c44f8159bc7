import { join } from "node:path";

/** Fills a new server with the catalogue of a small team, over its Unix socket. `mia` may do everything. */
export async function fillServer(socketPath: string, provider: string): Promise<void> {
  const create = async (path: string, body: object) => {
    const response = await fetch(`http://localhost/api/v1/${path}`, {
      ...{ method: "POST", unix: socketPath, body: JSON.stringify(body) },
      headers: { "content-type": "application/json" },
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  };
  const named = (name: string, more: object = {}) => ({ name, ...more });
  await create("users", named("mia", { displayName: "Mia", password: "mia-password" }));
  await create(
    "users",
    named("alice", { displayName: "Alice", password: "alice-password", limits: { costPerDay: 2 } }),
  );
  await create("users", named("bob", { displayName: "Bob" }));
  await create("groups", named("friends", { members: ["alice", "bob"], limits: { tokensPerDay: 200_000 } }));
  const all = ["edit", "run", "expose"].map((role) => ({ role, resource: "*" }));
  await create(
    "rbac",
    named("mia-everything", { subjects: [{ kind: "User", name: "mia" }], roleBindings: all }),
  );
  await create("secrets", named("openai", { data: { "api-key": "sk-example" } }));
  await create("secrets", named("anthropic", { data: { "api-key": "sk-example" } }));
  const llm = (name: string, more: object) => create("llms?probe=false", named(name, more));
  const key = (name: string) => ({ apiKeyRef: { name, key: "api-key" } });
  await llm("gpt", { type: "openai", model: "gpt-4.1-mini", ...key("openai") });
  await llm("claude", { type: "anthropic", model: "claude-sonnet-4-5", tier: "heavy", ...key("anthropic") });
  await llm("qwen", { type: "ollama", model: "qwen3:8b", url: provider, poolName: "local" });
  await llm("gemma", { type: "ollama", model: "gemma3:27b", url: provider, poolName: "local" });
  const run = (name?: string) => ({ role: "run", resource: "llms", ...(name && { name }) });
  await create(
    "rbac",
    named("friends-run-llms", { subjects: [{ kind: "Group", name: "friends" }], roleBindings: [run()] }),
  );
  await create(
    "rbac",
    named("bob-run-llms-claude", {
      subjects: [{ kind: "User", name: "bob" }],
      roleBindings: [run("claude")],
    }),
  );
  const systemPrompt = "You review code. Say what is wrong and why, the worst first.";
  await create("agents", named("reviewer", { llm: "claude", systemPrompt, description: "Reviews code" }));
  const program = [process.execPath, join(import.meta.dirname, "shop-server.ts")];
  await create(
    "servers",
    named("shop", { description: "Orders and products", command: program, sandbox: "none" }),
  );
  await create(
    "projects",
    named("website", { description: "The shop's front page", servers: ["shop"], proxyModel: "none" }),
  );
  const content = "Components are functions. Colours come from theme.css, never from a component.";
  await create(
    "prompts",
    named("style", { project: "website", description: "How the code is written", content, priority: 7 }),
  );
}
