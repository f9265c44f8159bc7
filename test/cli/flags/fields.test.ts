import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { describe, expect, it } from "vitest";
import type { Value } from "../../../src/cli/core/command.ts";
import { fieldsFrom } from "../../../src/cli/flags/fields.ts";
import { defineKind } from "../../../src/kinds/define.ts";
import { kindOf } from "../../../src/kinds/index.ts";
import { fakeTerminal, flags } from "../../support/cli/fake-terminal.ts";

const now = Date.parse("2026-11-21T10:00:00Z");

function fields(
  kind: string,
  args: Record<string, Value>,
  source: Partial<Parameters<typeof fieldsFrom>[3]> = {},
) {
  const context = { cwd: "/", terminal: fakeTerminal(), now: () => now, flags, ...source };
  return fieldsFrom(kindOf(kind), "it", args, context);
}

describe("the fields that flags set", () => {
  it("for an llm", async () => {
    const args = {
      type: "openai",
      model: "123",
      "api-key-ref": "work/keys/openai",
      "pool-name": "fast",
      extra: [
        "timeouts.firstByte=30",
        "timeouts.silence=60",
        "allowModelOverride=true",
        "note=a=b",
        'x={"y":[1]}',
      ],
    };
    expect(await fields("llm", args)).toEqual({
      type: "openai",
      model: "123",
      apiKeyRef: { name: "work", key: "keys/openai" },
      poolName: "fast",
      extraConfig: {
        timeouts: { firstByte: 30, silence: 60 },
        allowModelOverride: true,
        note: "a=b",
        x: { y: [1] },
      },
    });
  });

  it("for the settings of an llm", async () => {
    const args = {
      type: "openai",
      model: "m",
      "max-concurrent": "4",
      "queue-seconds": "0.5",
      price: ["input=1.25", "output=10"],
      timeouts: ["firstByte=60", "silence=30"],
      responses: "translated",
      "allow-model-override": true,
    };
    expect(await fields("llm", args)).toEqual({
      type: "openai",
      model: "m",
      limits: { maxConcurrent: 4, queueSeconds: 0.5 },
      price: { input: 1.25, output: 10 },
      timeouts: { firstByte: 60, silence: 30 },
      responses: "translated",
      allowModelOverride: true,
    });
    await expect(fields("llm", { ...args, price: ["input=free"] })).rejects.toThrow(
      "--price output is required",
    );
    await expect(fields("llm", { ...args, "max-concurrent": "0" })).rejects.toThrow(
      "--max-concurrent must be an integer from 1 to 10000",
    );
  });

  it("for a list, a subject and grants", async () => {
    expect(await fields("group", { member: ["alice", "bob"] })).toEqual({ members: ["alice", "bob"] });
    expect(
      await fields("rbac", {
        subject: ["User:alice", "group:friends"],
        "role-binding": ["role:view,resource:llm,name:claude", "role:run,action:backup"],
      }),
    ).toEqual({
      subjects: [
        { kind: "User", name: "alice" },
        { kind: "Group", name: "friends" },
      ],
      roleBindings: [
        { role: "view", resource: "llms", name: "claude" },
        { role: "run", action: "backup" },
      ],
    });
  });

  it("for a token in the project of the global flag", async () => {
    expect(await fields("token", { ttl: "30d" }, { flags: { ...flags, project: "website" } })).toEqual({
      project: "website",
      expiresAt: "2026-12-21T10:00:00.000Z",
    });
    expect(await fields("token", { ttl: "never" })).toEqual({ expiresAt: null });
  });

  it("for a map that several flags fill", async () => {
    const bao = defineKind({
      ...kindOf("secretbackend"),
      fields: Type.Object({ config: Type.Record(Type.String(), Type.Unknown()) }),
      flags: { url: { field: "config.url" }, config: { field: "config", parse: "pairs" } },
    });
    const context = { cwd: "/", terminal: fakeTerminal(), now: () => now, flags };
    const args = { url: "https://bao", config: ["mount=kv", "auth.method=token"] };
    expect(await fieldsFrom(bao, "bao", args, context)).toEqual({
      config: { url: "https://bao", mount: "kv", auth: { method: "token" } },
    });
  });

  it("for an openbao backend with its CA from a file and the secret of its token", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "mcpctl-flags-"));
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    writeFileSync(join(cwd, "ca.pem"), pem);
    const args = {
      type: "openbao",
      url: "https://bao:8200",
      mount: "123",
      "path-prefix": "true",
      namespace: '{"a":1}',
      "ca-cert": "ca.pem",
      "token-secret": "bao-token/deep/token",
      config: ["allowInsecure=true", "auth.method=token"],
    };
    const expected = {
      type: "openbao",
      config: {
        url: "https://bao:8200",
        // Stays text, even if it is JSON.
        mount: "123",
        pathPrefix: "true",
        namespace: '{"a":1}',
        caCert: pem,
        allowInsecure: true,
        auth: { method: "token", tokenSecretRef: { name: "bao-token", key: "deep/token" } },
      },
    };
    expect(await fields("secretbackend", args, { cwd })).toEqual(expected);
    const fromStdin = { cwd: "/nowhere", terminal: fakeTerminal({ stdin: pem }) };
    expect(await fields("secretbackend", { ...args, "ca-cert": "-" }, fromStdin)).toEqual(expected);
  });

  it("for another login method, by dotted keys or as JSON", async () => {
    const auth = {
      method: "approle",
      roleId: "r-1",
      secretIdRef: { name: "bao-approle", key: "secret-id" },
    };
    const dotted = [
      "auth.method=approle",
      "auth.roleId=r-1",
      "auth.secretIdRef.name=bao-approle",
      "auth.secretIdRef.key=secret-id",
    ];
    for (const config of [dotted, [`auth=${JSON.stringify(auth)}`]])
      expect(await fields("secretbackend", { type: "openbao", config })).toEqual({
        type: "openbao",
        config: { auth },
      });
  });

  it("is an error if a file does not exist, is a folder, or is empty", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "mcpctl-flags-"));
    writeFileSync(join(cwd, "empty.pem"), "\n");
    const read = (path: string) => fields("secretbackend", { type: "openbao", "ca-cert": path }, { cwd });
    await expect(read("no.pem")).rejects.toMatchObject({
      code: "usage",
      message: "cannot read no.pem: no such file",
    });
    await expect(read(".")).rejects.toThrow("cannot read .: it is a folder");
    await expect(read("empty.pem")).rejects.toThrow("empty.pem is empty");
    await expect(read("-")).rejects.toThrow("standard input is empty");
  });

  it.each([
    ["secretbackend", "token-secret"],
    ["llm", "api-key-ref"],
  ])("%s: a credential given to --%s is refused and not printed", async (kind, flag) => {
    for (const text of ["hvs.hunter2", "/hunter2", "hunter2/", ""]) {
      const refused = await fields(kind, { [flag]: text }).catch((error) => error);
      expect(refused.code).toBe("usage");
      expect(refused.message).toBe(`--${flag} takes SECRET/KEY: the name of a secret, and a key in it`);
    }
  });

  it("reports every fault with its flag", async () => {
    await expect(
      fields("llm", { "pool-name": "A B", description: "x".repeat(501), type: "openai" }),
    ).rejects.toMatchObject({
      code: "usage",
      message:
        "--model is required; --description must have at most 500 characters; " +
        "--pool-name must be a name: lower-case letters, digits and hyphens, at most 100",
      hint: "for help: mcpctl create llm --help",
    });
    await expect(fields("secret", {})).rejects.toThrow("--data is required");
    await expect(
      fields("llm", { type: "openai", model: "m", extra: ["x.__proto__.evil=1"] }),
    ).rejects.toThrow("--extra x.__proto__ is not allowed as a name");
    expect({}).not.toHaveProperty("evil");
  });
});
