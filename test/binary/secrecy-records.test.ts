import { Database } from "bun:sqlite";
import { join } from "node:path";
import { expect, it } from "vitest";
import { kinds } from "../../src/kinds/index.ts";
import { baoFaults, findings, marks } from "../support/secrecy.ts";
import {
  type SecrecySetup,
  type SecretName,
  startSecrecySetup,
  testSecrets,
} from "../support/test-secrecy.ts";

const names = Object.keys(testSecrets) as SecretName[];

/**
 * Does everything that leaves a trace: calls, reveals, moves, rotations and logins, which succeed and which fail.
 * Nobody listens to the answers here.
 */
async function live({ server, bao, bearer }: SecrecySetup): Promise<void> {
  const { admin, call } = server;
  for (const name of names)
    for (const wish of ["hi", "400", "401", "500", "text", "cut", "head"])
      await call("POST", "/v1/chat/completions", {
        bearer,
        body: { model: name, stream: wish.length % 2 === 0, messages: [{ role: "user", content: wish }] },
      });
  const wizard = { config: { url: bao.url, pathPrefix: "wiz" }, adminToken: marks.adminToken };
  expect((await admin("POST", "/api/v1/secretbackends/wizard", { name: "wiz", ...wizard })).status).toBe(201);
  expect((await admin("POST", "/api/v1/secretbackends/wiz/rotate")).status).toBe(200);
  expect((await admin("POST", "/api/v1/master-key/rotate")).status).toBe(200);
  const move = (from: string, to: string) =>
    admin("POST", "/api/v1/secrets/migrate", { from, to, names: ["plain"] });
  expect((await move("default", "wiz")).body.summary.migrated).toBe(1);
  bao.before = baoFaults["400"];
  expect((await move("wiz", "vault")).body.summary.failed).toBe(1);
  expect((await admin("POST", "/api/v1/secretbackends/wiz/rotate")).status).toBe(500);
  await admin("POST", "/api/v1/secretbackends/wizard", { name: "not", ...wizard });
  bao.before = undefined;
  for (const name of names) {
    // This answer is where a value has to be.
    const { text } = await admin("GET", `/api/v1/secrets/${name}?reveal=true`);
    expect(findings(new Map([[name, testSecrets[name].value]]), [["reveal", text]])).not.toEqual([]);
  }
  await admin("PUT", "/api/v1/secrets/plain", { data: { k: marks.keyOnPlaintext, more: marks.keyOnSealed } });
  await call("POST", "/api/v1/auth/login", { body: { user: "alice", password: `${marks.password}, not` } });
  for (const name of ["plain", "plain-anthropic"]) await admin("DELETE", `/api/v1/llms/${name}`);
  await admin("DELETE", "/api/v1/secrets/plain");
}

it("writes no secret into the audit: over the API, and as it lies in the file (T25)", async () => {
  const setup = await startSecrecySetup({ login: true });
  await live(setup);
  const { body } = await setup.admin("GET", "/api/v1/audit?limit=1000");
  const actions = new Set(body.map(({ action }: { action: string }) => action));
  for (const action of [
    "llm_inference_call",
    "reveal",
    "migrate",
    "rotate",
    "rotate_failed",
    "create",
    "delete",
  ])
    expect(actions).toContain(action);
  using database = new Database(join(setup.server.dataDir, "mcpctl.db"), { readonly: true });
  using rows = database.query("select * from audit_events");
  const lines = rows.all().map((row) => JSON.stringify(row));
  expect(lines.length).toBe(body.length);
  expect(setup.leaks([["the table", lines.join("\n")]])).toEqual([]);
});

it("shows no secret in metrics, in the API description, in the kinds or in a list (T23, T26)", async () => {
  const setup = await startSecrecySetup();
  await live(setup);
  const { admin } = setup;
  const metrics = (await admin("GET", "/metrics")).text;
  // The calls are in it, with those that failed.
  expect(metrics.includes('gen_ai_request_model="far",error_type="provider_error"')).toBe(true);
  for (const path of [
    "/openapi.json",
    "/api/v1/kinds",
    "/v1/models",
    "/api/v1/version",
    "/readyz",
    "/healthz",
  ])
    expect((await admin("GET", path)).status).toBe(200);
  // The server makes instances by itself, and none runs here.
  for (const { plural, kind } of kinds.filter(({ writes }) => writes.includes("create"))) {
    const { body } = await admin("GET", `/api/v1/${plural}`);
    expect(body.length, kind).toBeGreaterThan(0);
    for (const { id } of body) expect((await admin("GET", `/api/v1/${plural}/${id}`)).status).toBe(200);
  }
  expect(setup.leaks()).toEqual([]);
});

it("sends no secret in a watch stream (T23)", async () => {
  const setup = await startSecrecySetup();
  const { server, bearer } = setup;
  const streams = await Promise.all(kinds.map(({ plural }) => follow(server.url, plural, bearer)));
  await live(setup);
  await streams.find(({ plural }) => plural === "secrets")!.until(/event: deleted/);
  server.kill("SIGTERM");
  expect(await server.ended).toBe(0);
  for (const { plural, all } of streams) {
    const text = await all;
    expect(text, plural).toMatch(/event: \w+/);
    setup.record(`watch of ${plural}`, text);
  }
  const secrets = await streams.find(({ plural }) => plural === "secrets")!.all;
  expect(secrets).toMatch(/"keys":\["k","more"\]/);
  expect(setup.leaks()).toEqual([]);
});

/** Watches a kind, and keeps all that comes. */
async function follow(url: string, plural: string, bearer: string) {
  const response = await fetch(`${url}/api/v1/${plural}?watch=1`, {
    headers: { authorization: `Bearer ${bearer}` },
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  let recordings = "";
  const listeners = new Set<() => void>();
  const read = async () => {
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      recordings += text;
      for (const listener of listeners) listener();
    }
    return recordings;
  };
  const all = read();
  const until = (pattern: RegExp) =>
    new Promise<void>((resolve) => {
      const look = () => pattern.test(recordings) && resolve();
      listeners.add(look);
      look();
    });
  return { plural, all, until };
}
