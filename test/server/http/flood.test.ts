import { describe, expect, it } from "vitest";
import { kinds } from "../../../src/kinds/index.ts";
import { allRoutes } from "../../../src/server/http/app.ts";
import type { Server } from "../../../src/server/http/server.ts";
import { testServer } from "../../support/server.ts";

const megabyte = 1024 * 1024;
const login = "/api/v1/auth/login";

describe("a login of an unknown caller (T59, T60)", () => {
  it.each([
    [
      "2.5 million unknown keys",
      () => `{${Array.from({ length: 2_500_000 }, (_, n) => `"k${n}":1`).join(",")}}`,
    ],
    ["millions of empty objects", () => `{"user":[${"{},".repeat(5_000_000)}{}]}`],
    ["one long text", () => JSON.stringify({ user: "u".repeat(31 * megabyte), password: "p" })],
    ["9 KB", () => JSON.stringify({ user: "u".repeat(9 * 1024), password: "p" })],
  ])("is refused for its size: %s", async (_what, body) => {
    const server = await testServer();
    const { status, body: error, text } = await server.as()("POST", login, body());
    expect([status, error.error]).toEqual([413, "the body is larger than 8 KB"]);
    expect(text.length).toBeLessThan(300);
  });

  it("is refused before its body is read if its address has failed too often", async () => {
    const server = await testServer();
    for (let n = 0; n < 5; n++)
      expect((await server.as()("POST", login, { user: `u${n}`, password: "wrong" })).status).toBe(401);
    expect((await server.as()("POST", login, "not even JSON")).status).toBe(429);
  });

  it("may have 8 KB on every public route, and no more", async () => {
    const server = await testServer();
    const publicWrites = allRoutes({} as Server).filter(
      ({ access, method }) => access === "public" && method !== "GET",
    );
    expect(publicWrites.length).toBeGreaterThan(0);
    for (const { method, path } of publicWrites) {
      const takesForm = path === "/oauth/token" || path === "/oauth/revoke";
      const type = takesForm ? "application/x-www-form-urlencoded" : "application/json";
      const body = JSON.stringify({ x: "x".repeat(8 * 1024) });
      const sent = await server.as()(method, path, body, { "content-type": type });
      expect([path, sent.status]).toEqual([path, 413]);
    }
  });
});

describe("a JSON body with many elements (T60)", () => {
  const many = `[${"{},".repeat(100_000)}{}]`;

  it("is refused with 400 on every route with a body, before it is parsed", async () => {
    const server = await testServer();
    for (const { plural, writes } of kinds.map((kind) => ({ ...kind, writes: kind.plural }))) {
      const { status, body } = await server.admin("POST", `/api/v1/${plural}`, `{"name":"a","x":${many}}`);
      if (status === 405) continue;
      expect([writes, status, body.error]).toEqual([
        writes,
        400,
        "the body has more than 100000 elements and keys",
      ]);
    }
    for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/responses"]) {
      const { status } = await server.admin("POST", path, `{"model":"m","messages":${many}}`);
      expect([path, status]).toEqual([path, 400]);
    }
  });

  it("is refused for many keys, too", async () => {
    const server = await testServer();
    const keys = Array.from({ length: 100_001 }, (_, n) => `"k${n}":1`).join(",");
    expect((await server.admin("POST", "/api/v1/projects", `{${keys}}`)).status).toBe(400);
  });

  it("gets at most 20 faults, with long keys cut", async () => {
    const server = await testServer();
    const fields = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`unknown-${n}`, 1]));
    const listed = await server.admin("POST", "/api/v1/projects", { name: "a", ...fields });
    expect([listed.status, listed.body.details.length]).toEqual([400, 20]);
    const long = await server.admin("POST", "/api/v1/projects", { name: "a", ["k".repeat(megabyte)]: 1 });
    expect(long.status).toBe(400);
    expect(long.text.length).toBeLessThan(3000);
    const prototypes = Array.from({ length: 5000 }, () => JSON.parse('{"__proto__":1}'));
    const nested = await server.admin("POST", "/api/v1/llms", { name: "a", extraConfig: { prototypes } });
    expect([nested.status, nested.body.details.length]).toEqual([400, 20]);
  });

  it("may have lists of tokens in a call for embeddings", async () => {
    const server = await testServer();
    const { status, body } = await server.admin("POST", "/v1/embeddings", {
      model: "missing",
      input: Array.from({ length: 1000 }, () => Array.from({ length: 300 }, () => 1)),
    });
    expect([status, body.error.message]).toEqual([404, 'llm "missing" not found']);
  });
});
