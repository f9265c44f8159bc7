import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { row } from "../../support/row.ts";
import { must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const path = "/api/v1/secretbackends";
const reason = 'type "cassette" is unknown to this version of mcpctl';

/** Starts a server on a database of a newer version: a backend of type `cassette`, and a secret `s` on it. */
async function startOnNewerDatabase() {
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  const backend = row("sbe_00000000000000000000000001", "secretbackend", "disk", {
    spec: { type: "cassette", config: { path: "/srv/secrets" }, isDefault: false, description: "" },
  });
  const secret = row("sec_00000000000000000000000001", "secret", "s", {
    spec: { backend: "disk" },
    status: { externalRef: "sec_00000000000000000000000001/ver_1", keys: ["k"] },
  });
  await store.commit([
    { op: "insert", row: backend, refs: [] },
    {
      op: "insert",
      row: secret,
      refs: [{ path: "/backend", toId: backend.id, onDelete: "restrict" }],
    },
  ]);
  const server = await testServer({ folder, store });
  const mcpctl = (words: string) => cli(words, { server: { url: `unix://${server.socketPath}` } });
  return { server, mcpctl };
}

describe("a type of secret backend that is not registered", () => {
  it("is refused by the API and by the command line, with the types that there are", async () => {
    const server = await testServer();
    const { status, body } = await server.admin("POST", path, { name: "disk", type: "cassette" });
    expect([status, body.details]).toEqual([
      400,
      [{ path: "/type", message: 'must be "plaintext" or "sealed" or "openbao"' }],
    ]);
    const wish = { name: "disk", type: "cassette", config: {}, adminToken: "t" };
    expect((await server.admin("POST", `${path}/wizard`, wish)).status).toBe(400);
    const { code, stderr } = await cli("create secretbackend disk --type cassette");
    expect(code).toBe(2);
    expect(stderr).toContain("plaintext");
  });

  it("is served by no driver: reads, writes, moves and rotation name the type", async () => {
    const { server } = await startOnNewerDatabase();
    for (const answer of [
      await server.admin("GET", "/api/v1/secrets/s?reveal=true"),
      await server.admin("PUT", "/api/v1/secrets/s", { data: { k: "v" } }),
      await server.admin("POST", "/api/v1/secrets", { name: "t", data: { k: "v" }, backend: "disk" }),
      await server.admin("POST", `${path}/disk/rotate`),
    ])
      expect([answer.status, answer.body.error]).toEqual([500, expect.stringContaining(reason)]);
    const { body } = await must(
      server.admin("POST", "/api/v1/secrets/migrate", { from: "disk", to: "default" }),
    );
    expect(body.results[0]).toMatchObject({ result: "failed", reason: expect.stringContaining(reason) });
  });

  it("shows in its health, and leaves every other backend alone", async () => {
    const { server, mcpctl } = await startOnNewerDatabase();
    const { body } = await must(server.admin("GET", `${path}/disk`));
    expect(body.health).toMatchObject({ status: "error", reason: expect.stringContaining(reason) });
    await must(server.admin("POST", "/api/v1/secrets", { name: "t", data: { k: "v" } }));
    const { code, stdout } = await mcpctl("describe secretbackend disk");
    expect(code).toBe(0);
    expect(stdout).toContain("/srv/secrets");
    expect(stdout).toContain(reason);
  });

  it("is not changed by a version that does not know it", async () => {
    const { server } = await startOnNewerDatabase();
    const { status, body } = await server.admin("PUT", `${path}/disk`, { description: "mine" });
    expect([status, body.details[0].path]).toEqual([400, "/type"]);
  });
});
