import { Database } from "bun:sqlite";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { mcpctl } from "../support/binary.ts";
import { keysIn } from "../support/sealed-server.ts";
import { findings, marks } from "../support/secrecy.ts";
import { readEverything, startSecrecySetup } from "../support/test-secrecy.ts";

/** Faults of a key file that a server must change. */
const damages: Record<string, (path: string, text: string) => void> = {
  "a line too much": (path, text) => writeFileSync(path, `${text}# mine\n${text.trim()}${text}`),
  "half a key": (path, text) => writeFileSync(path, text.slice(0, 30)),
  "another key below": (path, text) =>
    writeFileSync(path, `${text}${Buffer.alloc(32, "k").toString("base64")}\n`),
  "a key in JSON": (path, text) => writeFileSync(path, JSON.stringify({ key: text })),
  "more than fits": (path, text) => writeFileSync(path, text.repeat(2000)),
  "a value of a secret": (path) => writeFileSync(path, `${marks.keyOnSealed}\n`),
  "open to others": (path) => chmodSync(path, 0o644),
  "a folder": (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  gone: (path) => rmSync(path),
};

it("rotates the master key and shows neither it nor a value, at whichever step it fails (T20, T22, T25)", async () => {
  const setup = await startSecrecySetup({ secrets: ["plain", "shut"] });
  const { server, run, keyFile, admin } = setup;
  const before = keysIn(keyFile);
  expect((await run("rotate master-key -v")).code).toBe(0);
  const good = readFileSync(keyFile, "utf8");
  expect(keysIn(keyFile).slice(1)).toEqual(before);

  for (const [what, damage] of Object.entries(damages)) {
    damage(keyFile, good);
    expect((await run(`rotate master-key -v${what.length % 2 === 0 ? " -o json" : ""}`)).code, what).toBe(1);
    if (what !== "another key below") {
      const line = `server --listen 127.0.0.1:0 --data-dir ${server.home}/other --master-key-file ${keyFile} -v`;
      const { code, stderr } = await mcpctl(line);
      expect(code, what).toBe(1);
      setup.record(`stderr of a server with ${what}`, stderr);
    }
    rmSync(keyFile, { recursive: true, force: true });
    writeFileSync(keyFile, good, { mode: 0o600 });
  }

  // Records that are no sealed ones, with values in them.
  const records = [
    JSON.stringify({ k: marks.keyOnSealed }),
    JSON.stringify({ kid: marks.keyOnSealed, wrapped: marks.keyOnSealed, sealed: marks.rejected }),
    marks.keyOnSealed,
  ];
  for (const record of records) {
    const file = join(server.dataDir, "mcpctl.db");
    const { body } = await server.admin("GET", "/api/v1/secrets/shut");
    using database = new Database(file);
    using kept = database.query("select data from secret_data where ref = ?");
    const { data } = kept.get(body.externalRef) as { data: string };
    database.run("update secret_data set data = ? where ref = ?", [record, body.externalRef]);
    expect((await run("rotate master-key -v")).code).toBe(1);
    for (const path of ["/api/v1/secrets/shut?reveal=true", "/api/v1/secretbackends/vault"])
      await admin("GET", path);
    expect((await run("migrate secrets --from vault --to default --names shut -v")).code).toBe(1);
    database.run("update secret_data set data = ? where ref = ?", [data, body.externalRef]);
  }
  expect((await run("rotate master-key -v")).code).toBe(0);
  await readEverything(setup);
  expect(setup.leaks()).toEqual([]);
  const { text } = await server.admin("GET", "/api/v1/secrets/shut?reveal=true");
  expect(findings(new Map([["it", marks.keyOnSealed]]), [["reveal", text]])).not.toEqual([]);
  expect(setup.leaks([["the key file", readFileSync(keyFile)]])).toContain(
    "master key 0 in base64 in the key file",
  );
});
