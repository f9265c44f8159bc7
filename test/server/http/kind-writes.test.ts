import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { newId } from "../../../src/server/core/ids.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import type { Row } from "../../../src/server/core/store/types.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

vi.mock("../../../src/kinds/index.ts", async (original) => {
  const { fakeKind, withKinds } = await import("../../support/fake-kind.ts");
  return withKinds(await original(), fakeKind("gadget", ["delete"]), fakeKind("reading", []));
});

/** A server with a gadget and a reading called `one`, as the server itself would have made them. */
async function serverWithRows(): Promise<TestServer> {
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  const row = (kind: string): Row => ({
    id: newId(kind.slice(0, 3), Date.now()),
    kind,
    scope: "",
    name: "one",
    owner: null,
    visibility: null,
    spec: { color: "red" },
    status: {},
    version: 1,
    createdAt: 0,
    updatedAt: 0,
  });
  await store.commit(["gadget", "reading"].map((kind) => ({ op: "insert", row: row(kind), refs: [] })));
  return testServer({ folder, store });
}

describe("a kind whose descriptor leaves writes out", () => {
  it("is listed and read like any other", async () => {
    const { admin } = await serverWithRows();
    expect((await must(admin("GET", "/api/v1/readings"))).body).toMatchObject([
      { name: "one", color: "red" },
    ]);
    expect((await must(admin("GET", "/api/v1/gadgets/one"))).body).toMatchObject({ color: "red" });
  });

  it("returns 405 for the writes that it leaves out, with the allowed methods in Allow", async () => {
    const { admin } = await serverWithRows();
    const refused = [
      ["POST", "/api/v1/gadgets", "gadgets cannot be created", "GET, HEAD"],
      ["PUT", "/api/v1/gadgets/one", "gadgets cannot be changed", "GET, HEAD, DELETE"],
      ["POST", "/api/v1/readings", "readings cannot be created", "GET, HEAD"],
      ["PUT", "/api/v1/readings/one", "readings cannot be changed", "GET, HEAD"],
      ["DELETE", "/api/v1/readings/one", "readings cannot be deleted", "GET, HEAD"],
    ] as const;
    for (const [method, path, error, allow] of refused) {
      const body = method === "DELETE" ? undefined : { name: "two", color: "blue" };
      const answer = await admin(method, path, body);
      expect(answer.status, path).toBe(405);
      expect(answer.headers.get("allow"), path).toBe(allow);
      expect(answer.body).toMatchObject({ error, code: "method_not_allowed", hint: expect.any(String) });
    }
    expect((await must(admin("GET", "/api/v1/readings"))).body).toMatchObject([
      { name: "one", color: "red" },
    ]);
    expect((await must(admin("GET", "/api/v1/gadgets"))).body).toHaveLength(1);
  });

  it("allows the writes that it names", async () => {
    const { admin } = await serverWithRows();
    await must(admin("DELETE", "/api/v1/gadgets/one"));
    expect((await must(admin("GET", "/api/v1/gadgets"))).body).toEqual([]);
  });

  it("checks the permission first: 401 without a bearer, 403 without a grant", async () => {
    const server = await serverWithRows();
    expect((await server.as()("POST", "/api/v1/gadgets", {})).status).toBe(401);
    const { call } = await server.user("alice");
    expect((await call("POST", "/api/v1/gadgets", {})).status).toBe(403);
  });

  it("has only its allowed writes in the API description and in its descriptor", async () => {
    const { admin } = await serverWithRows();
    const { paths } = (await must(admin("GET", "/openapi.json"))).body;
    expect(Object.keys(paths["/api/v1/gadgets"])).toEqual(["get"]);
    expect(Object.keys(paths["/api/v1/gadgets/{idOrName}"])).toEqual(["get", "delete"]);
    expect(Object.keys(paths["/api/v1/readings/{idOrName}"])).toEqual(["get"]);
    const kinds = (await must(admin("GET", "/api/v1/kinds"))).body as { kind: string; writes: string[] }[];
    expect(kinds.find(({ kind }) => kind === "gadget")!.writes).toEqual(["delete"]);
    expect(kinds.find(({ kind }) => kind === "llm")!.writes).toEqual(["create", "update", "delete"]);
  });
});
