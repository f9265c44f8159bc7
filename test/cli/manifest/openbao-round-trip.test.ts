import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toYaml } from "../../../src/cli/output/yaml.ts";
import type { Resource } from "../../../src/kinds/define.ts";
import { kindOf } from "../../../src/kinds/index.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";

const pem = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\nc2VjcmV0\n-----END CERTIFICATE-----\n";

const exported = `kind: secretbackend
name: bao
type: openbao
isDefault: false
config:
  url: https://bao:8200
  mount: secret
  pathPrefix: mcpctl
  caCert: |
    -----BEGIN CERTIFICATE-----
    MIIBszCCAVmgAwIBAgIUQ
    c2VjcmV0
    -----END CERTIFICATE-----
  auth:
    method: token
    tokenSecretRef:
      name: bao-token
      key: token
`;

/** A manifest without the defaults that the server fills in. */
const written = exported
  .replace("  mount: secret\n  pathPrefix: mcpctl\n", "")
  .replace("    method: token\n", "");

let server: FakeCatalogue;
let bao: Resource;
beforeEach(() => {
  server = new FakeCatalogue();
  bao = server.seed("secretbackends", {
    name: "bao",
    type: "openbao",
    config: {
      url: "https://bao:8200",
      mount: "secret",
      pathPrefix: "mcpctl",
      caCert: pem,
      auth: { method: "token", tokenSecretRef: { name: "bao-token", key: "token" } },
    },
    secretCount: 3,
    health: { status: "error", reason: "sealed", checkedAt: "2026-11-21T10:00:00Z" },
    rotation: { rotatedAt: null, failedAt: "2026-11-21T10:00:00Z", reason: "refused" },
  });
});
afterEach(() => server.stop());

describe("an openbao backend", () => {
  it("is exported without read-only fields, with its CA as a block", () => {
    expect(toYaml(kindOf("secretbackend"), [bao])).toBe(exported);
  });

  it.each([
    ["as it was exported", exported],
    ["as it was written, without what the server fills in", written],
    ["as JSON", () => JSON.stringify(bao)],
  ])("has no difference, %s", async (_, text) => {
    const stdin = typeof text === "string" ? text : text();
    expect(await server.run(["diff", "-f", "-"], { stdin })).toEqual({ code: 0, stdout: "", stderr: "" });
    for (const flags of [[], ["--dry-run"]]) {
      const run = await server.run(["apply", "-f", "-", ...flags], { stdin });
      expect(run.code).toBe(0);
      expect(run.stdout).toMatch(/^secretbackend 'bao' unchanged/);
    }
    expect(server.writes).toEqual([]);
  });

  it("shows the differences and nothing else", async () => {
    const { code, stdout } = await server.run(["diff", "-f", "-"], {
      stdin: written.replace("https://bao:8200", "https://vault:8200"),
    });
    expect(code).toBe(1);
    expect(stdout.split("\n").filter((line) => /^[-+] /.test(line))).toEqual([
      "-  url: https://bao:8200",
      "+  url: https://vault:8200",
    ]);
  });

  it("is not changed by an editor that only saves", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "mcpctl-editor-")), "edit.sh");
    writeFileSync(path, '#!/bin/sh\ntouch "$1"\n');
    chmodSync(path, 0o755);
    const run = await server.run(["edit", "secretbackend", "bao"], {
      env: { EDITOR: path, PATH: process.env["PATH"] ?? "" },
    });
    expect(run).toEqual({ code: 0, stdout: "", stderr: "Edit cancelled, nothing was changed.\n" });
    expect(server.writes).toEqual([]);
  });
});
