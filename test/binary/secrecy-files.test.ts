import { Database } from "bun:sqlite";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type BinaryServer, freshFolder, startBinary } from "../support/binary.ts";
import { copied, kill, stop } from "../support/sealed-server.ts";
import { findings, marks } from "../support/secrecy.ts";
import { type SecrecySetup, startSecrecySetup } from "../support/test-secrecy.ts";

const prompt = "the quick private fox jumps";

/** A setup in which all sorts of things happen to secrets, none of which is left on a plaintext backend. */
async function usedSetup(): Promise<SecrecySetup> {
  const setup = await startSecrecySetup({ login: true });
  const { server, bao, bearer } = setup;
  // Until it is moved, it is where it can be found.
  expect(findings(new Map([["it", marks.keyOnPlaintext]]), copied(server.home))).not.toEqual([]);
  const done = async (method: string, path: string, body?: unknown) => {
    const { status, text } = await server.admin(method, path, body);
    expect(status, `${method} ${path} ${text}`).toBeLessThan(300);
  };
  for (const name of ["plain", "shut", "far"])
    for (const stream of [false, true]) {
      const body = { model: name, stream, messages: [{ role: "user", content: prompt }] };
      expect((await server.call("POST", "/v1/chat/completions", { bearer, body })).status).toBe(200);
    }
  for (const [from, to] of [
    ["default", "vault"],
    ["vault", "bao"],
    ["bao", "app"],
  ] as const)
    await done("POST", "/api/v1/secrets/migrate", { from, to, names: ["plain"] });
  const data = { k: marks.rejected };
  for (const backend of ["default", "vault", "bao"]) {
    await done("POST", "/api/v1/secrets", { name: "short-lived", backend, data });
    await done("PUT", "/api/v1/secrets/short-lived", { data: { k: marks.keyOnPlaintext } });
    await done("DELETE", "/api/v1/secrets/short-lived");
  }
  const wish = { name: "wiz", config: { url: bao.url, pathPrefix: "wiz" }, adminToken: marks.adminToken };
  await done("POST", "/api/v1/secretbackends/wizard", wish);
  await done("POST", "/api/v1/secretbackends/wiz/rotate");
  await done("POST", "/api/v1/master-key/rotate");
  expect(setup.provider.seen.map(({ text }) => text)).toContainEqual(expect.stringContaining(prompt));
  setup.mark("prompt", prompt);
  setup.mark("answer", "hello there");
  return setup;
}

/** The values that a server has, as it reveals them. */
async function values({ admin }: BinaryServer): Promise<string[]> {
  const names = ["plain", "shut", "far", "bao-login", "app-login"];
  const all = await Promise.all(names.map((name) => admin("GET", `/api/v1/secrets/${name}?reveal=true`)));
  return all.flatMap(({ body }) => Object.values<string>(body.data));
}

const expected = [
  marks.keyOnPlaintext,
  marks.keyOnSealed,
  marks.keyInOpenBao,
  marks.openBaoToken,
  marks.secretId,
];

it("has no secret in any byte of its files, running, killed or stopped, nor a prompt or an answer (T33, T36)", async () => {
  const setup = await usedSetup();
  const { server, keyFile } = setup;
  const files = (when: string) =>
    [...copied(server.home)].map(([path, bytes]) => [`${path}, ${when}`, bytes] as const);
  const running = files("running");
  expect(running.map(([path]) => path.replace(/^.*\/|,.*$/g, "")).sort()).toEqual([
    // The output of the MCP server, and its end.
    "1.log",
    "mcpctl.db",
    "mcpctl.db-shm",
    "mcpctl.db-wal",
    "mcpctl.db.lock",
  ]);
  await kill(server);
  const killed = files("killed");
  const again = await startBinary({ home: server.home, env: { MCPCTL_MASTER_KEY_FILE: keyFile } });
  expect(await values(again)).toEqual(expected);
  await stop(again);
  expect(setup.leaks([...running, ...killed, ...files("stopped")])).toEqual([]);
  expect(setup.leaks([["what the server said", again.said.stderr]])).toEqual([]);
});

it("has no secret in a backup, from which a server with the master key has them all (T24, T33)", async () => {
  const setup = await usedSetup();
  const { server, keyFile } = setup;
  const backUp = () => {
    const folder = freshFolder();
    using database = new Database(join(server.dataDir, "mcpctl.db"));
    database.run("vacuum into ?", [join(folder, "mcpctl.db")]);
    return folder;
  };
  const folder = backUp();
  const backup = [...copied(folder)];
  expect(backup.map(([path]) => path)).toEqual(["mcpctl.db"]);
  expect(setup.leaks(backup)).toEqual([]);
  await server.admin("POST", "/api/v1/secrets", {
    name: "open",
    backend: "default",
    data: { k: marks.rejected },
  });
  expect(setup.leaks(copied(backUp()))).toContain("rejected in JSON in mcpctl.db");

  await stop(server);
  const restored = await startBinary({
    args: ["--data-dir", folder],
    env: { MCPCTL_MASTER_KEY_FILE: keyFile },
  });
  expect(await values(restored)).toEqual(expected);
});
