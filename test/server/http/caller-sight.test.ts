import { expect, it } from "vitest";
import { must, testServer } from "../../support/server.ts";

const grants = (role: string, ...resources: string[]) => resources.map((resource) => ({ role, resource }));

/** A principal that asks, and the words of what is hidden from it that it may read all the same. */
const readers: Record<string, { held: object[]; sees: readonly string[] }> = {
  "with no right": { held: [], sees: [] },
  "who may only call": {
    held: grants("run", "llms", "agents", "projects"),
    sees: ["mark-llm", "mark-words", "mark-persona", "mark-about", "mark-server"],
  },
  "who may only create": { held: grants("create", "llms", "agents", "tokens", "servers"), sees: [] },
};

it.each(Object.entries(readers))(
  "no GET shows a user %s the address, key or settings of anything (T51, T251)",
  async (_, { held, sees }) => {
    const server = await testServer();
    const { admin } = server;
    const make = (path: string, body: object) => must(admin("POST", `/api/v1/${path}`, body));
    await make("secrets", { name: "mark-secret", data: { "mark-key": "mark-value" } });
    const llm = {
      name: "mark-llm",
      type: "openai",
      model: "mark-model",
      url: "http://127.0.0.1:9/mark-path",
      description: "mark-words",
      apiKeyRef: { name: "mark-secret", key: "mark-key" },
    };
    await make("llms?probe=false", llm);
    await make("llms?probe=false", { ...llm, name: "mark-hidden-llm", visibility: "private" });
    const persona = {
      name: "mark-persona",
      llm: "mark-llm",
      systemPrompt: "mark-prompt",
      description: "mark-about",
    };
    await make("agents", persona);
    await make("servers", { name: "mark-server", url: "http://127.0.0.1:9/mark-mcp" });
    await make("servers", { name: "mark-hidden", url: "http://127.0.0.1:9/mark-mcp", visibility: "private" });
    await make("projects", { name: "mark-project", servers: ["mark-server", "mark-hidden"] });
    await make("groups", { name: "mark-group", members: [], limits: { requestsPerMinute: 9 } });

    const { call } = await server.user("reader", held);
    const { paths } = (await must(admin("GET", "/openapi.json"))).body;
    const names = [
      "mark-llm",
      "mark-persona",
      "mark-project",
      "mark-server",
      "mark-secret",
      "mark-group",
      "reader",
    ];
    const asked = Object.keys(paths)
      .filter((path) => "get" in paths[path] && !path.includes("_probe"))
      .flatMap((path) =>
        path.includes("{") ? names.map((name) => path.replace(/\{[^}]+\}/g, name)) : [path],
      );
    const shown = new Set<string>();
    for (const path of asked) {
      const { status, text } = await call("GET", path);
      expect(status, path).not.toBe(500);
      for (const [word] of text.matchAll(/mark-[a-z-]+/g)) if (!path.includes(word)) shown.add(word);
    }
    expect(asked.length).toBeGreaterThan(100);
    expect([...shown].filter((word) => !sees.includes(word))).toEqual([]);
  },
);
