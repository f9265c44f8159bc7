import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyFiles } from "../../../src/cli/cmd/apply.ts";
import { AppError } from "../../../src/errors.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";
import { fakeTerminal } from "../../support/cli/fake-terminal.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { must, testServer } from "../../support/server.ts";

let server: FakeCatalogue;
beforeEach(() => {
  server = new FakeCatalogue();
});
afterEach(() => server.stop());

const manifests = `kind: token
name: laptop
roleBindings: [{ role: run, resource: llms }]
---
kind: llm
name: claude
type: anthropic
model: claude-sonnet-5
apiKeyRef: { name: anthropic, key: api-key }
---
kind: secret
name: anthropic
data: { api-key: hunter2 }
`;

function apply(stdin: string, ...flags: string[]) {
  return server.run(["apply", "-f", "-", ...flags], { stdin });
}

describe("apply", () => {
  it("creates objects before those that refer to them, and changes nothing the second time", async () => {
    const first = await apply(manifests);
    expect(first).toEqual({
      code: 0,
      stdout:
        "secret 'anthropic' created\nllm 'claude' created\ntoken 'laptop' created\nmcpctl_pat_theBearer\n",
      stderr: "warning: llm 'claude': the provider refused the key\n",
    });
    expect(server.writes.map(({ path }) => path)).toEqual([
      "/api/v1/secrets",
      "/api/v1/llms",
      "/api/v1/tokens",
    ]);
    const second = await apply(manifests);
    expect(second).toEqual({
      code: 0,
      stdout: "secret 'anthropic' unchanged\nllm 'claude' unchanged\ntoken 'laptop' unchanged\n",
      stderr: "",
    });
    // Only the server can compare a secret's values; nothing else was written.
    expect(server.writes.slice(3).map(({ method, body }) => [method, body])).toEqual([
      ["PUT", { data: { "api-key": "hunter2" } }],
    ]);
  });

  it("sends only the fields that differ; null clears a field, and fields that are not named stay", async () => {
    server.seed("llms", {
      name: "claude",
      type: "openai",
      model: "a",
      description: "d",
      poolName: "p",
      tier: "heavy",
    });
    const manifest =
      "kind: llm\nname: claude\ntype: openai\nmodel: b\ndescription: null\npoolName: null\nurl: null\n";
    expect(await apply(manifest)).toMatchObject({ code: 0, stdout: "llm 'claude' configured\n" });
    expect(server.writes.at(-1)?.body).toEqual({ model: "b", description: null, poolName: null });
    expect(server.find("llms", "claude")).toMatchObject({
      model: "b",
      description: "",
      tier: "heavy",
      version: 2,
    });
    expect(server.find("llms", "claude")).not.toHaveProperty("poolName", "p");
  });

  it("says configured for a secret only if a value has changed, and never which value", async () => {
    server.seed("secrets", { name: "a", data: { k: "hunter2" } });
    const same = await apply("kind: secret\nname: a\ndata: {k: hunter2}\n");
    expect(same.stdout).toBe("secret 'a' unchanged\n");
    const other = await apply("kind: secret\nname: a\ndata: {k: hunter3}\n");
    expect(other).toEqual({ code: 0, stdout: "secret 'a' configured\n", stderr: "" });
  });

  it("leaves a secret as it is if only its keys are given, and fails to create one from them", async () => {
    server.seed("secrets", { name: "a", data: { k: "v" } });
    const { code, stdout, stderr } = await apply(
      "secrets:\n  - {name: a, keys: [k]}\n  - {name: b, keys: [k]}\n",
    );
    expect(code).toBe(1);
    expect(stdout).toBe("secret 'a' unchanged\nsecret 'b' failed\n");
    expect(stderr).toBe(
      "error: standard input:3: secret 'b': \"b\" does not exist yet, and no data is given\n" +
        "hint: exports contain no values: add data, or run mcpctl create secret b\n",
    );
    expect(server.writes).toEqual([]);
  });

  it("continues after a failure and exits with 1 (T57)", async () => {
    const details = [{ path: "/members/0", message: 'there is no user "bob"' }];
    server.refuse(
      ({ method, body }) => method === "POST" && (body as { name?: string }).name === "a",
      new AppError("invalid_request", "invalid group", { details }),
    );
    const { code, stdout, stderr } = await apply(
      "groups: [{name: a, members: [bob]}, {name: b}]\nusers: [{name: u}]\n",
    );
    expect(code).toBe(1);
    expect(stdout).toBe("user 'u' created\ngroup 'a' failed\ngroup 'b' created\n");
    expect(stderr).toBe(
      "error: standard input:1: group 'a': invalid group\n  /members/0: there is no user \"bob\"\n",
    );
  });

  it("stops when no further object can succeed, and still prints the results so far", async () => {
    server.refuse(
      ({ method, path }) => method === "GET" && path.includes("/b"),
      new AppError("unauthenticated", "the token has expired"),
    );
    const { code, stdout, stderr } = await apply("users: [{name: a}, {name: b}, {name: c}]\n", "-o", "json");
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject([{ kind: "user", name: "a", result: "created" }]);
    expect(stderr).toBe("error: the token has expired\n");
    expect(server.writes).toHaveLength(1);
  });

  it("applies independent objects of a kind at the same time, and prints them in order", async () => {
    const names = Array.from({ length: 20 }, (_, i) => `u${i}`);
    let now = 0;
    let most = 0;
    const kindsNow = new Set<string>();
    server.onRequest = async ({ path }) => {
      most = Math.max(most, ++now);
      kindsNow.add(path.split("/")[3]!.replace(/\?.*/, ""));
      // The first ones take longest.
      await Bun.sleep(path.includes("u1") ? 5 : 1);
      if (--now === 0) kindsNow.clear();
      expect(kindsNow.size).toBeLessThanOrEqual(1);
    };
    const { code, stdout } = await apply(
      `groups: [{name: g, members: [u0]}]\nusers: [${names.map((name) => `{name: ${name}}`).join(", ")}]\n`,
    );
    expect(code).toBe(0);
    expect(stdout).toBe(`${names.map((name) => `user '${name}' created\n`).join("")}group 'g' created\n`);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });

  it("applies objects one after the other where one refers to another, or one of them is the default", async () => {
    await apply(
      "secretbackends: [{name: a, type: plaintext, isDefault: true}, {name: b, type: plaintext, isDefault: true}]\n",
    );
    expect(server.calls.map(({ method, path }) => `${method} ${path.slice("/api/v1/".length)}`)).toEqual([
      "GET secretbackends/a",
      "POST secretbackends",
      "GET secretbackends/b",
      "POST secretbackends",
    ]);
  });

  it("checks all manifests before it sends anything", async () => {
    const { code, stdout, stderr } = await apply(
      `${manifests}---\nkind: llm\nname: x\ntype: openai\nmodle: m\n`,
    );
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toBe(
      "error: 2 faults; nothing was sent\n" +
        "  standard input:15:1: model: is required\n" +
        '  standard input:18:1: modle: unknown field; did you mean "model"?\n' +
        "hint: to see the fields: mcpctl explain llm\n",
    );
    expect(server.calls).toEqual([]);
  });

  it("reads several files and folders", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "mcpctl-apply-"));
    writeFileSync(join(cwd, "a.yaml"), "kind: user\nname: a\n");
    writeFileSync(join(cwd, "b.json"), '{"kind": "user", "name": "b"}');
    const one = await server.run(["apply", "-f", "a.yaml", "-f", "b.json", "-o", "name"], { cwd });
    expect(one).toEqual({ code: 0, stdout: "user/a\nuser/b\n", stderr: "" });
    const again = await server.run(["apply", "-f", "."], { cwd });
    expect(again.stdout).toBe("user 'a' unchanged\nuser 'b' unchanged\n");
    expect(await server.run(["apply"], { cwd })).toMatchObject({ code: 2, stdout: "" });
  });

  it("prints the result of each object as JSON or YAML", async () => {
    const { stdout } = await apply(manifests, "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject([
      { kind: "secret", name: "anthropic", result: "created", object: { keys: ["api-key"] } },
      { kind: "llm", name: "claude", result: "created", object: { model: "claude-sonnet-5" } },
      { kind: "token", name: "laptop", result: "created", object: { token: "mcpctl_pat_theBearer" } },
    ]);
    expect(stdout).not.toContain("hunter2");
    const yaml = await apply("kind: user\nname: a\n", "-o", "yaml");
    expect(Bun.YAML.parse(yaml.stdout)).toMatchObject([{ kind: "user", name: "a", result: "created" }]);
  });

  it("--dry-run prints the expected results, sends no write and prints no value (T37)", async () => {
    server.seed("llms", { name: "claude", type: "anthropic", model: "old" });
    server.seed("secrets", { name: "anthropic", data: { "api-key": "x" } });
    const { code, stdout, stderr } = await apply(manifests, "--dry-run");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      "secret 'anthropic' configured (dry run: data)\n" +
        "llm 'claude' configured (dry run: model, apiKeyRef)\n" +
        "token 'laptop' created (dry run)\n",
    );
    const json = await apply(manifests, "--dry-run", "-o", "json");
    expect(stdout + json.stdout + json.stderr).not.toContain("hunter2");
    expect(server.writes).toEqual([]);
  });

  it("--dry-run lets the server check, and says which object it cannot check before others are there", async () => {
    const real = await testServer();
    const text = `
kind: secret
name: key
data: {api-key: hunter2}
---
kind: llm
name: one
type: anthropic
model: m
apiKeyRef: {name: key, key: api-key}
---
kind: llm
name: two
type: anthropic
model: m
apiKeyRef: {name: other, key: api-key}
`;
    const run = (...flags: string[]) =>
      cli(["apply", "-f", "-", ...flags], { server: { url: `unix://${real.socketPath}` }, stdin: text });
    const { code, stdout, stderr } = await run("--dry-run");
    expect(code).toBe(1);
    expect(stdout).toBe(
      "secret 'key' created (dry run)\n" +
        `llm 'one' created (dry run; not checked to the end, it needs secret "key")\n` +
        "llm 'two' failed (dry run)\n",
    );
    expect(stderr).toContain(`llm 'two': invalid llm: apiKeyRef: there is no secret "other"`);
    for (const plural of ["secrets", "llms"])
      expect((await must(real.admin("GET", `/api/v1/${plural}`))).body).toEqual([]);
  });
});

describe("apply, when the server is busy,", () => {
  const user = "kind: user\nname: a\n";

  async function withWaits(random: number, at = fakeTerminal({ stdin: user })) {
    const waits: number[] = [];
    const pause = {
      random: () => random,
      sleep: async (milliseconds: number) => void waits.push(milliseconds),
    };
    const { context } = server.context({ terminal: at });
    const code = await applyFiles(["-"], false, context, pause);
    return { code, waits, at };
  }

  it("repeats the request with growing delays, and never before its retry-after", async () => {
    const busy = new AppError("too_many_requests", "too many requests");
    server.refuse(() => true, busy);
    server.refuse(() => true, new AppError("unavailable", "migrating"));
    server.refuse(({ method }) => method === "POST", busy, "7");
    const { code, waits, at } = await withWaits(1);
    expect(code).toBe(0);
    expect(waits).toEqual([500, 1000, 9000]);
    expect(at.stdout).toBe("user 'a' created\n");
    expect(at.stderr).toBe("");
  });

  it("does not wait for a server that asks for more than a minute (T104)", async () => {
    server.refuse(() => true, new AppError("unavailable", "later"), "61");
    const { code, waits } = await withWaits(1);
    expect([code, waits]).toEqual([1, []]);
  });

  it("waits with full jitter", async () => {
    server.refuse(() => true, new AppError("unavailable", "later"));
    server.refuse(() => true, new AppError("unavailable", "later"));
    expect((await withWaits(0.25)).waits).toEqual([125, 250]);
  });

  it("gives up after six attempts", async () => {
    for (let i = 0; i < 10; i++) server.refuse(() => true, new AppError("unavailable", "later"));
    const { code, waits, at } = await withWaits(0);
    expect(code).toBe(1);
    expect(waits).toHaveLength(5);
    expect(at.stdout).toBe("user 'a' failed\n");
    expect(at.stderr).toBe("error: standard input:1: user 'a': later\n");
  });

  it("does not repeat a refused request, nor one without a connection", async () => {
    server.refuse(() => true, new AppError("internal", "broken"));
    expect((await withWaits(1)).waits).toEqual([]);
    await server.stop();
    await expect(withWaits(1)).rejects.toMatchObject({ code: "connection_failed" });
  });

  it("says so on a terminal", async () => {
    server.refuse(() => true, new AppError("unavailable", "later"), "3");
    const { at } = await withWaits(0, fakeTerminal({ stdin: user, answers: [] }));
    expect(at.stderr).toBe("user 'a': the server is busy; trying again in 3 s\n");
  });
});
