import { describe, expect, it } from "vitest";
import { argumentsIn, longProject, textsOf } from "../../../support/mcp/long-results.ts";
import { must } from "../../../support/server.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

async function kept() {
  const p = await longProject("content-pipeline", {}, { node: "one" });
  await must(
    p.admin("POST", "/api/v1/projects", { name: "q", proxyModel: "content-pipeline", servers: ["s"] }),
  );
  const client = await p.client("modern");
  const first: Json = await client.callTool({ name: "rows", arguments: {} });
  return { ...p, client, next: argumentsIn(textsOf(first).at(-1)!) };
}

describe("GET /api/v1/cache", () => {
  it("lists results without their ids and texts: the own ones, and those of projects that one may edit (T210)", async () => {
    const p = await kept();
    const own = await must(p.as(p.bearer)("GET", "/api/v1/cache"));
    expect(own.body).toEqual([
      {
        project: "p",
        user: "admin",
        token: "client",
        server: "s",
        subject: "rows",
        parts: 8,
        bytes: expect.any(Number),
        expiresAt: expect.stringMatching(/^\d{4}-/),
        node: "one",
      },
    ]);
    expect(own.text).not.toContain(p.next._resultId);
    expect(own.text).not.toContain("row 1");
    const editor = await p.token("editor", [{ role: "edit", resource: "projects", name: "p" }]);
    expect((await must(editor.call("GET", "/api/v1/cache"))).body).toHaveLength(1);
    expect((await must(editor.call("GET", "/api/v1/cache?project=p"))).body).toHaveLength(1);
    const other = await p.token("other", [
      { role: "edit", resource: "projects", name: "q" },
      { role: "run", resource: "projects" },
    ]);
    for (const query of ["", "?project=p", "?project=q"])
      expect((await must(other.call("GET", `/api/v1/cache${query}`))).body).toEqual([]);
    expect((await p.as()("GET", "/api/v1/cache")).status).toBe(401);
    expect((await p.admin("GET", "/api/v1/cache?project=none")).status).toBe(404);
    const stranger = await p.user("stranger");
    expect((await stranger.call("GET", "/api/v1/cache?project=p")).status).toBe(404);
  });
});

describe("DELETE /api/v1/cache", () => {
  it("removes only what the caller may see, and is in the audit log", async () => {
    const p = await kept();
    const other = await p.token("other", [{ role: "run", resource: "projects" }]);
    expect((await must(other.call("DELETE", "/api/v1/cache"))).body).toEqual({ removed: 0 });
    const second: Json = await p.client.callTool({ name: "rows", arguments: p.next });
    expect(second.isError).toBeUndefined();
    expect((await must(p.admin("DELETE", "/api/v1/cache?project=q"))).body).toEqual({ removed: 0 });
    expect((await must(p.admin("DELETE", "/api/v1/cache?project=p"))).body).toEqual({ removed: 1 });
    const gone: Json = await p.client.callTool({ name: "rows", arguments: p.next });
    expect(gone.isError).toBe(true);
    const { body } = await p.admin("GET", "/api/v1/audit?action=cache_clear");
    expect(body.map(({ detail }: Json) => detail)).toEqual([
      { removed: 1, project: "p" },
      { removed: 0, project: "q" },
      { removed: 0 },
    ]);
  });
});
