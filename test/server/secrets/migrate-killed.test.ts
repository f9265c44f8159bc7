import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { keyFileIn } from "../../support/sealing.ts";
import { must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const values = { key: "marked-value-one" };

/** Makes a folder with a database: secret `a` is on one backend, `b` on the other. */
async function seeded(from: string, to: string): Promise<string> {
  const folder = temporaryFolder();
  const server = await testServer({ folder, keyFile: keyFileIn(folder) });
  await must(server.admin("POST", "/api/v1/secretbackends", { name: "vault", type: "sealed" }));
  await must(server.admin("POST", "/api/v1/secrets", { name: "a", data: values, backend: from }));
  await must(server.admin("POST", "/api/v1/secrets", { name: "b", data: values, backend: to }));
  await server.stop();
  return folder;
}

/** Migrates on a server that may kill itself. Returns its signal, and its output with the number of commits. */
async function migrateOn(folder: string, from: string, to: string, ...deadly: string[]) {
  const script = join(import.meta.dirname, "../../support/killed-server.ts");
  const server = Bun.spawn([process.execPath, script, folder, ...deadly], {
    stdout: "pipe",
    stderr: "ignore",
  });
  onTestFinished(() => server.kill("SIGKILL"));
  const reader = server.stdout.getReader();
  await reader.read();
  await fetch("http://localhost/api/v1/secrets/migrate", {
    method: "POST",
    unix: join(folder, "s.sock"),
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ from, to }),
  }).then(
    (response) => response.text(),
    () => "",
  );
  server.kill("SIGTERM");
  const { value } = await reader.read();
  await server.exited;
  return { signal: server.signalCode, output: value ? new TextDecoder().decode(value) : "" };
}

describe.each([
  ["default", "vault"],
  ["vault", "default"],
])("a migration from %s to %s, killed with -9", (from, to) => {
  it("at any step is finished by a second run, with every secret in one place and readable", async () => {
    const folder = await seeded(from, to);
    const whole = temporaryFolder();
    cpSync(folder, whole, { recursive: true });
    const { output, signal } = await migrateOn(whole, from, to);
    expect(signal).toBeNull();
    const commits = Number(/commits: (\d+)/.exec(output)![1]);
    expect(commits).toBeGreaterThanOrEqual(6);

    const killed: Promise<void>[] = [];
    const deaths = [...Array(commits).keys()].map((i) => ["after", String(i + 1)]);
    for (const deadly of [["before", "1"], ...deaths]) killed.push(dieAndMend(folder, from, to, deadly));
    await Promise.all(killed);
  });
});

async function dieAndMend(seed: string, from: string, to: string, deadly: string[]): Promise<void> {
  const folder = temporaryFolder();
  cpSync(seed, folder, { recursive: true });
  expect((await migrateOn(folder, from, to, ...deadly)).signal, deadly.join()).toBe("SIGKILL");

  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  const server = await testServer({ folder, store, keyFile: keyFileIn(folder) });
  for (const name of ["a", "b"])
    expect(
      (await server.admin("GET", `/api/v1/secrets/${name}?reveal=true`)).body.data,
      deadly.join(),
    ).toEqual(values);
  const { body } = await must(server.admin("POST", "/api/v1/secrets/migrate", { from, to }));
  expect([body.summary.failed, body.results.length], deadly.join()).toEqual([0, 2]);
  const { rows } = await store.load();
  for (const { name, id, spec } of rows.filter(({ kind }) => kind === "secretbackend")) {
    expect(await store.secretRefs(id), `${deadly.join()}: ${name}`).toHaveLength(name === to ? 2 : 0);
    expect(spec["type"]).toBe(name === "vault" ? "sealed" : "plaintext");
  }
  expect(await store.orphans(), deadly.join()).toEqual([]);
  for (const name of ["a", "b"]) {
    const { body } = await must(server.admin("GET", `/api/v1/secrets/${name}?reveal=true`));
    expect([body.backend, body.data], deadly.join()).toEqual([to, values]);
  }
  await server.stop();
  const holding = readFileSync(join(folder, "mcpctl.db")).includes("marked-value");
  expect(holding, deadly.join()).toBe(to === "default");
}
