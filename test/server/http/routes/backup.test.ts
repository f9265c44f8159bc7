import { describe, expect, it } from "vitest";
import { decrypted, newTransferKey } from "../../../../src/backup/age.ts";
import { steady } from "../../../../src/server/backups/spool.ts";
import { nobody } from "../../../../src/server/core/access/policy.ts";
import { pulledStream } from "../../../../src/server/http/pulled-stream.ts";
import { collected, inPieces, readAll } from "../../../backup/archives.ts";
import { must, type TestServer, testServer } from "../../../support/server.ts";

const secretValue = "MARKED-VALUE-7f3a";

async function withData(server: TestServer): Promise<void> {
  await must(server.admin("POST", "/api/v1/secrets", { name: "openai", data: { k: secretValue } }));
  await must(
    server.admin("POST", "/api/v1/llms?probe=false", {
      name: "gpt",
      type: "openai",
      model: "m",
      apiKeyRef: { name: "openai", key: "k" },
    }),
  );
}

/** Gets a backup over the Unix socket, as the administrator. */
async function backup(server: TestServer, query = ""): Promise<Buffer> {
  const response = await fetch(`http://localhost/api/v1/backup${query}`, { unix: server.socketPath });
  expect(response.status).toBe(200);
  return Buffer.from(await response.bytes());
}

async function restore(server: TestServer, bytes: Uint8Array, query = "", more: BunFetchRequestInit = {}) {
  const response = await fetch(`http://localhost/api/v1/restore${query}`, {
    method: "POST",
    unix: server.socketPath,
    headers: { "content-type": "application/zstd" },
    body: Uint8Array.from(bytes),
    ...more,
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  return { status: response.status, body: (await response.json()) as any };
}

describe("GET /api/v1/backup and POST /api/v1/restore", () => {
  it("move everything to another server, where tokens and logins by password go on working", async () => {
    const first = await testServer();
    await withData(first);
    await first.user("alice", [{ role: "view", resource: "llms" }]);
    const token = await first.token("laptop", [{ role: "view", resource: "llms" }]);
    const second = await testServer();
    const before = await second.admin("GET", "/api/v1/llms");
    expect(before.body).toEqual([]);
    expect(await restore(second, await backup(first))).toMatchObject({
      status: 200,
      body: { dryRun: false, withoutValues: ["openai"] },
    });
    const { body: llms } = await second.as(token.bearer)("GET", "/api/v1/llms");
    const { body: were } = await first.as(token.bearer)("GET", "/api/v1/llms");
    expect(llms).toEqual(were);
    const login = await second.as()("POST", "/api/v1/auth/login", {
      user: "alice",
      password: "alice-password",
    });
    expect(login.status).toBe(200);
    // The catalogue in memory is the new one, and writes go on.
    const patched = await second.admin("PUT", "/api/v1/llms/gpt", { description: "moved" });
    expect(patched).toMatchObject({ status: 200, body: { version: 2, description: "moved" } });
    const { body: events } = await second.admin("GET", "/api/v1/audit?action=restore");
    expect(events).toMatchObject([{ action: "restore", user: "admin", detail: { merge: null } }]);
    expect((await first.admin("GET", "/api/v1/audit?action=backup")).body).toMatchObject([
      { action: "backup", detail: { secrets: "references", audit: true, encrypted: false } },
    ]);
  });

  it("is refused to everybody who does not hold the operation, whatever else they may do", async () => {
    const server = await testServer();
    await withData(server);
    const everything = await server.user("eve", [
      { role: "edit", resource: "*" },
      { role: "run", resource: "*" },
      { role: "run", action: "migrate-secrets" },
    ]);
    const keeper = await server.user("keeper", [{ role: "run", action: "backup" }]);
    expect((await server.as()("GET", "/api/v1/backup")).status).toBe(401);
    expect((await server.as()("POST", "/api/v1/restore", {})).status).toBe(401);
    expect((await everything.call("GET", "/api/v1/backup")).status).toBe(403);
    expect((await everything.call("POST", "/api/v1/restore", {})).status).toBe(403);
    expect((await keeper.call("GET", "/api/v1/backup")).status).toBe(200);
    expect((await keeper.call("POST", "/api/v1/restore", {})).status).toBe(403);
  });

  it("has values of secrets only for a key, and only encrypted for it (T238)", async () => {
    const server = await testServer();
    await withData(server);
    const plain = await readAll(await backup(server));
    expect(plain.manifest.secrets).toBe("references");
    expect(JSON.stringify(plain.rows)).not.toContain(secretValue);
    for (const query of ["?secrets=values", "?secrets=values&recipient=", "?secrets=values&recipient=age1x"])
      expect((await server.admin("GET", `/api/v1/backup${query}`)).status, query).toBe(400);
    for (const query of ["?secrets=all", "?audit=no"])
      expect((await server.admin("GET", `/api/v1/backup${query}`)).status, query).toBe(400);
    const { key, recipient } = await newTransferKey();
    const locked = await backup(server, `?secrets=values&recipient=${recipient}`);
    expect(locked.includes(secretValue)).toBe(false);
    const { rows } = await readAll(await collected(decrypted(inPieces(locked), key)));
    expect(JSON.stringify(rows["secret_data"])).toContain(secretValue);
    expect(JSON.stringify([plain.manifest, await server.admin("GET", "/api/v1/audit")])).not.toContain(
      secretValue,
    );
  });

  it("answers what is no backup with an error, and changes nothing", async () => {
    const server = await testServer();
    const bytes = await backup(server);
    const revision = async () => (await server.admin("GET", "/api/v1/users")).text;
    const before = await revision();
    for (const wrong of [new Uint8Array(), Buffer.from("hello"), bytes.subarray(0, -1)])
      expect(await restore(server, wrong)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(await restore(server, bytes, "?merge=all")).toMatchObject({ status: 400 });
    const json = await server.admin("POST", "/api/v1/restore", {});
    expect(json).toMatchObject({ status: 415, body: { hint: expect.stringContaining("application/zstd") } });
    expect(await revision()).toBe(before);
  });

  it("streams progress, and the error where one comes late", async () => {
    const server = await testServer();
    const bytes = await backup(server);
    const lines = async (query: string, body: Uint8Array) => {
      const response = await fetch(`http://localhost/api/v1/restore${query}`, {
        method: "POST",
        unix: server.socketPath,
        headers: { "content-type": "application/zstd", accept: "application/x-ndjson" },
        body: Uint8Array.from(body),
      });
      expect(response.status).toBe(200);
      return (await response.text())
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    };
    const good = await lines("", bytes);
    expect(good[0]).toEqual({ phase: "receiving" });
    expect(good.at(-1)).toMatchObject({ restored: { merge: null } });
    const bad = await lines("", bytes.subarray(0, -1));
    expect(bad.at(-1)).toMatchObject({ error: { code: "invalid_request", hint: expect.any(String) } });
  });

  it("end after a time without a byte, and when the bearer is revoked (T240)", async () => {
    let isEnded = false;
    const endless = (async function* () {
      try {
        for (;;) yield new Uint8Array(100_000);
      } finally {
        isEnded = true;
      }
    })();
    let revoke = () => {};
    const streams = {
      add(_principal: unknown, end: () => void) {
        revoke = end;
        return () => {};
      },
    };
    const open = (pause?: number) =>
      pulledStream({ streams } as never, { principal: nobody }, endless, pause).getReader();
    const slow = open(1);
    await slow.read();
    while (!isEnded) await Bun.sleep(1);
    await expect(slow.read().then(() => slow.read())).rejects.toThrow("nobody takes the bytes");
    const revoked = open();
    revoke();
    await expect(revoked.read()).rejects.toThrow("the token was revoked");
    const silent = (async function* () {
      yield new Uint8Array(1);
      await new Promise(() => {});
    })();
    await expect(collected(steady(silent, 5))).rejects.toMatchObject({ code: "timed_out", status: 408 });
  });

  it("does not let a restorer run programs who may not (T239)", async () => {
    const first = await testServer();
    await must(first.admin("POST", "/api/v1/servers", { name: "files", command: ["true"], sandbox: "none" }));
    const bytes = await backup(first);
    const second = await testServer();
    const keeper = await second.user("keeper", [
      { role: "run", action: "restore" },
      { role: "view", resource: "servers" },
    ]);
    const response = await fetch(`${second.url}/api/v1/restore?merge=skip`, {
      method: "POST",
      headers: { authorization: `Bearer ${keeper.bearer}`, "content-type": "application/zstd" },
      body: Uint8Array.from(bytes),
    });
    expect(await response.json()).toMatchObject({ switchedOff: ["files"] });
    expect((await keeper.call("GET", "/api/v1/servers/files")).body).toMatchObject({ replicas: 0 });
  });
});
