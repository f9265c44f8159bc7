import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { describe, expect, it } from "vitest";
import type { Value } from "../../../src/cli/core/command.ts";
import { argsOf } from "../../../src/cli/flags/define.ts";
import { fieldsFrom } from "../../../src/cli/flags/fields.ts";
import { endOf, grantOf, pairsOf, subjectOf } from "../../../src/cli/flags/parse-values.ts";
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

describe("the flags of a kind", () => {
  it("are its fields in kebab-case, but for those the descriptor names", () => {
    const args = argsOf(kindOf("llm"));
    expect(Object.keys(args)).toEqual([
      "extra",
      "max-concurrent",
      "queue-seconds",
      "price",
      "timeout",
      "type",
      "model",
      "url",
      "tier",
      "description",
      "api-key-ref",
      "responses",
      "allow-model-override",
      "pool-name",
      "admits",
      "visibility",
    ]);
    expect(args["tier"]).toMatchObject({ type: "enum", options: ["fast", "heavy"] });
    expect(args["api-key-ref"]).toMatchObject({ type: "string", valueHint: "SECRET/KEY" });
    expect(args["extra"]).toMatchObject({ type: "string", valueHint: "k=v", multiple: true });
    expect(argsOf(kindOf("project"))).toMatchObject({
      description: { alias: "d" },
      server: { multiple: true },
    });
    const backend = argsOf(kindOf("secretbackend"));
    expect(backend).toMatchObject({
      default: { type: "boolean" },
      config: { multiple: true },
      "token-secret": { type: "string", valueHint: "SECRET/KEY" },
      "ca-cert": { type: "string", valueHint: "FILE" },
    });
    for (const flag of ["token-secret", "ca-cert", "url"])
      expect(backend[flag]).not.toHaveProperty("multiple");
  });

  it("never take a password, and leave the project to the global flag", () => {
    expect(Object.keys(argsOf(kindOf("user")))).toEqual(["limit", "display-name", "password-stdin"]);
    expect(argsOf(kindOf("user"))["password-stdin"]).toMatchObject({ type: "boolean" });
    expect(Object.keys(argsOf(kindOf("token")))).toEqual(["bind", "ttl", "limit", "description"]);
  });
});

describe("what flags stand for", () => {
  it("an llm", async () => {
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

  it("the settings of an llm", async () => {
    const args = {
      type: "openai",
      model: "m",
      "max-concurrent": "4",
      "queue-seconds": "0.5",
      price: ["input=1.25", "output=10"],
      timeout: ["firstByte=60", "silence=30"],
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

  it("a list, a subject, grants", async () => {
    expect(await fields("group", { member: ["alice", "bob"] })).toEqual({ members: ["alice", "bob"] });
    expect(
      await fields("rbac", {
        subject: ["User:alice", "group:friends"],
        roleBindings: ["role:view,resource:llm,name:claude", "role:run,action:backup"],
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

  it("a token, made for the project of the global flag", async () => {
    expect(await fields("token", { ttl: "30d" }, { flags: { ...flags, project: "website" } })).toEqual({
      project: "website",
      expiresAt: "2026-12-21T10:00:00.000Z",
    });
    expect(await fields("token", { ttl: "never" })).toEqual({ expiresAt: null });
  });

  it("flags inside a map that another flag fills as well", async () => {
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

  it("an openbao backend: the place, its CA from a file, and the secret that holds its token", async () => {
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
        // Text, whatever it looks like.
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

  it("another way to log in, by dotted keys or as JSON", async () => {
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

  it("a file that is not there, is a folder, or is empty", async () => {
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
  ])("%s: a credential where --%s wants its place, and shows none of it", async (kind, flag) => {
    for (const text of ["hvs.hunter2", "/hunter2", "hunter2/", ""]) {
      const refused = await fields(kind, { [flag]: text }).catch((error) => error);
      expect(refused.code).toBe("usage");
      expect(refused.message).toBe(`--${flag} takes SECRET/KEY: the name of a secret, and a key in it`);
    }
  });

  it("says every fault by its flag", async () => {
    await expect(
      fields("llm", { "pool-name": "A B", description: "x".repeat(501), type: "openai" }),
    ).rejects.toMatchObject({
      code: "usage",
      message:
        "--model is required; --description must have at most 500 characters; " +
        "--pool-name must match ^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$",
      hint: "for help: mcpctl create llm --help",
    });
    await expect(fields("secret", {})).rejects.toThrow("--data is required");
    await expect(
      fields("llm", { type: "openai", model: "m", extra: ["x.__proto__.evil=1"] }),
    ).rejects.toThrow("--extra x.__proto__ is not allowed as a name");
    expect({}).not.toHaveProperty("evil");
  });
});

describe("secret values", () => {
  it("come from the argument, a file or standard input; the last line break goes, and that is told (T15)", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "mcpctl-flags-"));
    writeFileSync(join(cwd, "key"), "from a file\r\n");
    const at = fakeTerminal({ stdin: "from stdin\n" });
    const data = ["plain=a=b", "file=@key", "stdin=-"];
    expect(await fields("secret", { data }, { cwd, terminal: at })).toEqual({
      data: { plain: "a=b", file: "from a file", stdin: "from stdin" },
    });
    expect(at.stdout).toBe("");
    expect(at.stderr).toBe(
      "file: the line break at the end was removed\nstdin: the line break at the end was removed\n",
    );
  });

  it.each(["a\nb", "a\rb", "a\0b", "a\n\n"])("refuses what would split a header: %j (T14)", async (stdin) => {
    await expect(fields("secret", { data: ["k=-"] }, { terminal: fakeTerminal({ stdin }) })).rejects.toThrow(
      "the value of k contains a line break or a NUL",
    );
  });

  it.each([
    [["k=-", "l=-"], "standard input can be read only once: use - for one key"],
    [["k=hunter2", "k=hunter2"], "the key k is given twice"],
    [["k="], "the value of k is empty"],
    [["hunter2"], "expected KEY=VALUE"],
    [["k=@/nowhere"], "cannot read /nowhere: no such file"],
  ])("refuses %j, showing no value", async (data, message) => {
    const refused = await fields("secret", { data }).catch((error) => error);
    expect(refused.code).toBe("usage");
    expect(refused.message).toBe(message);
    expect(JSON.stringify(refused)).not.toContain("hunter2");
  });
});

describe("a password", () => {
  it("is standard input, where there is nobody to ask", async () => {
    const at = fakeTerminal({ stdin: "correct horse\n" });
    expect(await fields("user", { "password-stdin": true }, { terminal: at })).toEqual({
      password: "correct horse",
    });
    expect(await fields("user", {}, { terminal: fakeTerminal({ stdin: "not read" }) })).toEqual({});
  });

  it("is asked for twice on a terminal, unseen; nothing is none", async () => {
    const at = fakeTerminal({ answers: ["correct horse", "correct horse"] });
    expect(await fields("user", { "password-stdin": true }, { terminal: at })).toEqual({
      password: "correct horse",
    });
    expect(at.prompts).toEqual(["Password for it: (hidden)", "Repeat the password: (hidden)"]);
    expect(at.stdout + at.stderr).toBe("");
    expect(await fields("user", {}, { terminal: fakeTerminal({ answers: ["", ""] }) })).toEqual({});
    const typo = fakeTerminal({ answers: ["correct horse", "corect horse"] });
    await expect(fields("user", {}, { terminal: typo })).rejects.toThrow("the two passwords differ");
  });
});

describe("texts", () => {
  it("an end is a span from now, never, or a time", () => {
    expect(endOf("90m", now)).toBe("2026-11-21T11:30:00.000Z");
    expect(endOf("2w", now)).toBe("2026-12-05T10:00:00.000Z");
    expect(endOf("never", now)).toBeNull();
    expect(endOf("2027-01-31T12:00:00+01:00", now)).toBe("2027-01-31T11:00:00.000Z");
    for (const text of ["", "0d", "30", "d", "-1d", "tomorrow", "1.5h"])
      expect(() => endOf(text, now)).toThrow("is not a time");
  });

  it("a subject has a kind and a name", () => {
    expect(subjectOf("token:ci")).toEqual({ kind: "Token", name: "ci" });
    for (const text of ["alice", "User:", "Robot:x", "User:a:b"])
      expect(() => subjectOf(text)).toThrow("is not a subject");
  });

  it("a grant says what it does not know", () => {
    expect(() => grantOf("rol:view,resource:llms")).toThrow(
      '"rol:view" in "rol:view,resource:llms" is not a part of a grant',
    );
    for (const text of ["view", "role:", "role:view,role:edit", ""])
      expect(() => grantOf(text)).toThrow("is not a part of a grant");
  });

  it("pairs keep what is not JSON as it is", () => {
    expect(pairsOf(["a=01", "b=1", "c=null", "d=", 'e="1"', "f={"])).toEqual({
      a: "01",
      b: 1,
      c: null,
      d: "",
      e: "1",
      f: "{",
    });
  });
});
