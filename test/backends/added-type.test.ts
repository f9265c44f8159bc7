import { describe, expect, it, vi } from "vitest";
import { kindOf } from "../../src/kinds/index.ts";
import { credentialOf } from "../../src/kinds/secret-backends/config.ts";
import { backendContract } from "../contract/backend.ts";
import { cli } from "../support/cli/run-cli.ts";
import { must, testServer } from "../support/server.ts";
import { roomNamed, shelf, shelfModule } from "../support/shelf.ts";

// The two lists with one line more: that is all a new type of secret backend needs.
vi.mock("../../src/kinds/secret-backends/index.ts", async (original) => {
  const { backendTypes } = await original<typeof import("../../src/kinds/secret-backends/index.ts")>();
  return { backendTypes: [...backendTypes, (await import("../support/shelf.ts")).shelf] };
});
vi.mock("../../src/backends/index.ts", async (original) => {
  const { backendModules } = await original<typeof import("../../src/backends/index.ts")>();
  return { backendModules: { ...backendModules, shelf: (await import("../support/shelf.ts")).shelfModule } };
});

const path = "/api/v1/secretbackends";
const backendKind = kindOf("secretbackend");

/** Starts a server. Returns it with its command line, as the administrator uses it. */
async function startWithCommandLine() {
  const server = await testServer();
  const room = crypto.randomUUID();
  const create = (more: object = {}, config: object = {}) =>
    server.admin("POST", path, { name: "oak", type: "shelf", config: { room, ...config }, ...more });
  const mcpctl = (words: string, stdin?: string) =>
    cli(words, { server: { url: `unix://${server.socketPath}` }, ...(stdin !== undefined && { stdin }) });
  return { server, room, create, mcpctl };
}

/** Does the same, and creates a secret with the password and a backend that logs in with it. */
async function startWithShelf() {
  const shared = await startWithCommandLine();
  const { server, create } = shared;
  await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { password: "open sesame" } }));
  const { body } = await must(create({}, { password: { name: "key", key: "password" } }));
  return { ...shared, backend: body };
}

backendContract("shelf", async () =>
  shelfModule.make({
    name: "oak",
    config: { room: crypto.randomUUID() },
    table: undefined as never,
    masterKeys: () => undefined,
    credential: async () => "open sesame",
    onWarning() {},
  }),
);

describe("the API serves a type that was added to the registry", () => {
  it("completes and checks its config", async () => {
    const { room, create } = await startWithShelf();
    const { body: second } = await must(create({ name: "beech" }));
    expect(second.config).toEqual({ room, height: 3 });
    for (const [config, where] of [
      [{ room: "" }, "/config/room"],
      [{ heigth: 5 }, "/config/heigth"],
      [{ room: "cellar" }, "/config/room"],
      [{ password: { name: "nope", key: "k" } }, "/config/password"],
      [{ password: { name: "key", key: "nope" } }, "/config/password/key"],
    ] as const) {
      const { status, body } = await create({ name: "elm" }, config);
      expect([status, body.details[0].path]).toEqual([400, where]);
    }
  });

  it("keeps secrets on it, and moves them to it and back", async () => {
    const { server, room, backend } = await startWithShelf();
    expect(backend).toMatchObject({ type: "shelf", health: { status: "healthy" } });
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: { k: "v" }, backend: "oak" }));
    expect([...roomNamed(room).values.values()]).toEqual([{ k: "v" }]);
    const move = (from: string, to: string) =>
      server.admin("POST", "/api/v1/secrets/migrate", { from, to, names: ["s"] });
    expect((await must(move("oak", "default"))).body.summary.migrated).toBe(1);
    expect(roomNamed(room).values.size).toBe(0);
    expect((await must(move("default", "oak"))).body.summary.migrated).toBe(1);
    expect((await server.admin("GET", "/api/v1/secrets/s?reveal=true")).body.data).toEqual({ k: "v" });
  });

  it("protects its credential: the grant to use it, its destination, and the backend that holds it (T12)", async () => {
    const { server, room, create } = await startWithShelf();
    const password = { name: "key", key: "password" };
    const editor = await server.token("editor", [
      { role: "edit", resource: "secretbackends" },
      { role: "view", resource: "secrets" },
    ]);
    expect((await create({ name: "elm" }, { password })).status).toBe(201);
    const named = { name: "ash", type: "shelf", config: { room, password } };
    expect((await editor.call("POST", path, named)).status).toBe(403);
    const elsewhere = { config: { room: crypto.randomUUID(), password } };
    const { body } = await must(editor.call("PUT", `${path}/oak`, elsewhere));
    expect(body.config.password).toBeUndefined();
    expect((await server.admin("DELETE", "/api/v1/secrets/key")).body.code).toBe("still_referenced");
    const wish = { from: "default", to: "elm", names: ["key"] };
    const { body: moved } = await must(server.admin("POST", "/api/v1/secrets/migrate", wish));
    expect(moved.results[0].reason).toBe("a backend logs in with it, so it cannot be in Shelf");
  });

  it("replaces its credential", async () => {
    const { server, room } = await startWithShelf();
    await must(server.admin("POST", `${path}/oak/rotate`));
    const { body } = await must(server.admin("GET", "/api/v1/secrets/key?reveal=true"));
    expect(body.data).toEqual({ password: "password-1" });
    expect([...roomNamed(room).passwords]).toEqual(["password-1"]);
    const { body: backend } = await must(server.admin("GET", `${path}/oak`));
    expect(backend).toMatchObject({ rotation: { failedAt: null }, health: { status: "healthy" } });
  });

  it("refuses to replace a credential that it does not have", async () => {
    const { server, create } = await startWithCommandLine();
    await must(create());
    expect((await server.admin("POST", `${path}/oak/rotate`)).body.code).toBe("not_supported");
  });

  it("sets it up with an admin token, and with no other type's", async () => {
    const { server, room } = await startWithCommandLine();
    const wish = { name: "oak", type: "shelf", config: { room }, adminToken: "master-key" };
    const { body } = await must(server.admin("POST", `${path}/wizard`, wish));
    expect(body).toMatchObject({
      lock: "lock-password-1",
      secret: "oak-token",
      backend: { type: "shelf", config: { password: { name: "oak-token", key: "token" } } },
    });
    const { status, body: refused } = await server.admin("POST", `${path}/wizard`, {
      ...wish,
      name: "elm",
      type: "sealed",
    });
    expect([status, refused.details[0].path]).toEqual([400, "/type"]);
  });
});

describe("the command line serves a type that was added to the registry", () => {
  it("offers its flags, examples and completions", async () => {
    const { stdout: help } = await cli("create secretbackend --help");
    expect(help).toMatch(/--room VALUE +shelf: the room it stands in/);
    expect(help).toMatch(/--url VALUE +openbao: [^\n]*; shelf: the page that shows it/);
    expect(help).toMatch(/--wizard +openbao: [^\n]*; shelf: have a password made/);
    expect(help).toContain("mcpctl create secretbackend oak --type shelf --room attic");
    const { stdout: types } = await cli(["__complete", "--", "create", "secretbackend", "x", "--type", ""]);
    expect(types.split("\n")).toContain("shelf");
    const { stdout: flags } = await cli(["__complete", "--", "create", "secretbackend", "x", "--ro"]);
    expect(flags.split("\t")[0]).toBe("--room");
  });

  it("explains it", async () => {
    const { stdout } = await cli("explain secretbackend");
    expect(stdout).toContain("| shelf>");
    expect(stdout).toContain("shelf: in the memory of the test");
    expect(stdout).toContain("shelf: room, height, url, password");
  });

  it("creates, describes and exports it, and finds nothing to change", async () => {
    const { server, room, mcpctl } = await startWithCommandLine();
    await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { password: "open sesame" } }));
    const line = `create secretbackend oak --type shelf --room ${room} --password key/password`;
    expect(await mcpctl(line)).toMatchObject({ code: 0, stderr: "" });
    const { stdout: described } = await mcpctl("describe secretbackend oak");
    expect(described).toMatch(new RegExp(`^  Room: +the ${room}$`, "m"));
    expect(described).toMatch(/^ {2}Height: +3$/m);
    const written = `kind: secretbackend\nname: oak\ntype: shelf\nconfig:\n  room: ${room}\n  password: {name: key, key: password}\n`;
    expect((await mcpctl("diff -f -", written)).stdout).toBe("");
    expect((await mcpctl("apply -f -", written)).stdout).toMatch(/^secretbackend 'oak' unchanged/);
  });

  it("runs its wizard", async () => {
    const { room, mcpctl } = await startWithCommandLine();
    const line = `create secretbackend oak --type shelf --room ${room} --wizard`;
    const { code, stderr } = await mcpctl(line, "master-key");
    expect(code).toBe(0);
    expect(stderr).toContain("The shelf has the lock 'lock-password-1'.\n");
    const refused = await mcpctl(`${line} --password key/password`, "master-key");
    expect(refused.stderr).toContain("leave --password and password out");
    expect((await mcpctl("create secretbackend elm --type shelf --wizard")).stderr).toContain(
      "--room is required",
    );
    expect((await mcpctl("create secretbackend elm --type sealed --wizard")).stderr).toContain(
      "--wizard is for --type openbao or shelf",
    );
  });
});

it("a manifest refers to the secret that it logs in with", () => {
  const config = { room: "attic", password: { name: "key", key: "password" } };
  expect(credentialOf({ type: shelf.name, config })).toEqual({
    path: "/config/password",
    name: "key",
    key: "password",
  });
  expect(backendKind.references({ type: shelf.name, config } as never)).toMatchObject([
    { kind: "secret", name: "key" },
  ]);
});
