import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { kinds } from "../../src/kinds/index.ts";
import { freshFolder } from "../support/binary.ts";
import { findings, marks } from "../support/secrecy.ts";
import { type SecretName, startSecrecySetup, testSecrets } from "../support/test-secrecy.ts";

/** Kinds whose objects users make. The server makes instances by itself, and none runs here. */
const creatable = kinds.filter(({ writes }) => writes.includes("create"));

const secretNames = Object.keys(testSecrets) as SecretName[];

it("shows no secret in get, describe and explain, of any kind, in any format (T23)", async () => {
  const setup = await startSecrecySetup();
  const { server } = setup;
  const all: string[] = [];
  for (const { kind, plural } of creatable) {
    const { body } = await server.admin("GET", `/api/v1/${plural}`);
    const names: string[] = body.map(({ name }: { name: string }) => name);
    expect(names.length, kind).toBeGreaterThan(0);
    all.push(`describe ${kind} ${names.join(" ")} -v`);
  }
  for (const format of ["table", "wide", "json", "yaml", "name", "jsonpath={[*]}"])
    all.push(`get all -o ${format} -v`);
  // `explain` explains the kind, of which the server knows nothing more.
  for (const what of ["", "secret", "secretbackend", "llm.apiKeyRef"]) all.push(`explain ${what}`);
  all.push("status -v", "whoami -v", "config view -v");
  let text = "";
  await Promise.all(
    all.map(async (line) => {
      const { code, stdout } = await setup.run(line);
      expect(code, line).toBe(0);
      text += stdout;
    }),
  );
  for (const name of [...secretNames, "laptop", "alice", "website"]) expect(text).toContain(name);
  expect(setup.leaks()).toEqual([]);
  for (const name of secretNames) {
    const revealed = (await server.admin("GET", `/api/v1/secrets/${name}?reveal=true`)).text;
    expect(findings(new Map([["it", testSecrets[name].value]]), [["reveal", revealed]])).not.toEqual([]);
  }
});

it("exports a catalogue without its secrets, and diffs and applies one without showing them (T21, T23, T24, T37)", async () => {
  const setup = await startSecrecySetup();
  const { run } = setup;
  for (const [format, verbs] of [
    ["yaml", ["diff", "apply"]],
    ["json", ["apply --dry-run"]],
  ] as const) {
    const { stdout } = await run(`get all -o ${format}`);
    expect(stdout).toContain("apiKeyRef");
    for (const verb of verbs) {
      const { code, stderr } = await run(`${verb} -f - -v`, { input: stdout });
      expect(code, `${verb}: ${stderr}`).toBe(0);
    }
  }
  const quoted = (text: string) => JSON.stringify(text);
  const secret = (data: string, more = "") => `kind: secret\nname: plain\ndata:\n${data}\n${more}`;
  const good = secret(`  k: ${quoted(marks.keyOnSealed)}\n  more: ${quoted(marks.keyOnPlaintext)}`);
  const user = `---\nkind: user\nname: bob\npassword: ${quoted(marks.password)}\n`;
  expect((await run("diff -f - -v", { input: good + user })).code).toBe(1);
  for (const format of ["", "-o json", "-o yaml"])
    expect((await run(`apply -f - --dry-run -v ${format}`, { input: good + user })).code).toBe(0);
  expect((await run("apply -f - -v", { input: good + user })).code).toBe(0);
  const { text } = await setup.server.admin("GET", "/api/v1/secrets/plain?reveal=true");
  expect(JSON.parse(text).data).toEqual({ k: marks.keyOnSealed, more: marks.keyOnPlaintext });

  const bad = quoted(marks.rejected);
  const faulty = [
    secret(`  k: [${bad}]`),
    secret(`  k: {nested: ${bad}}`),
    secret(`  "bad key!": ${bad}`),
    secret(`  k: ${bad}`, `dta: {k: ${bad}}`),
    secret(`  k: ${bad}\n  k: ${bad}`),
    secret(`  k: ${bad}\n k: ${bad}`),
    secret(`  k: ${bad.slice(0, -1)}`),
    secret(`  k: *nothing ${bad}`),
    secret(`\tk: ${bad}`),
    secret(`  - ${bad}`),
    secret(`  k: !!int ${bad}`),
    `{"kind": "secret", "name": "plain", "data": {"k": ${bad}}`,
    `kind: user\nname: carol\npassword: [${bad}]\n`,
    `kind: user\nname: carol\npasword: ${bad}\n`,
    `kind: llm\nname: plain\napiKey: ${bad}\n`,
    `kind: llm\nname: plain\ntype: openai\nmodel: m\napiKeyRef: ${bad}\n`,
    `kind: token\nname: x\ntoken: ${bad}\n`,
    bad,
    `kind: sekret\nname: x\ndata: {k: ${bad}}\n`,
  ];
  const folder = freshFolder();
  for (const [n, manifest] of faulty.entries()) writeFileSync(join(folder, `${n}.yaml`), manifest);
  for (const verb of ["apply", "apply --dry-run -o json", "diff"]) {
    const { code, stderr } = await run(`${verb} -f ${folder} -v`);
    expect(code, verb).not.toBe(0);
    for (const n of faulty.keys()) expect(stderr, verb).toContain(`/${n}.yaml`);
  }
  // Commands that only the server can refuse.
  for (const manifest of [
    secret(`  k: ${quoted(`${marks.rejected}\n${marks.rejected}`)}`),
    secret(`  k: ${bad}`, "backend: nowhere"),
    `kind: secretbackend\nname: x\ntype: openbao\nconfig: {url: "https://b.example.org", auth: {token: ${bad}}}\n`,
  ])
    expect((await run("apply -f - -v", { input: manifest })).code).toBe(1);
  expect(setup.leaks()).toEqual([]);
});

it("shows an editor no secret, and takes a new one without printing it (T20, T30)", async () => {
  const setup = await startSecrecySetup();
  const { server, run } = setup;
  const folder = freshFolder();
  const editor = join(folder, "editor");
  const scratch = join(folder, "tmp");
  mkdirSync(scratch);
  const script = `#!/bin/sh\n{ env; echo "$@"; tr '\\0' '\\n' < /proc/$PPID/cmdline; cat "$1"; } >> ${folder}/given\ncat ${folder}/more >> "$1"\n`;
  writeFileSync(editor, script);
  chmodSync(editor, 0o755);
  const databaseUrl = "postgres://mcpctl:marked-database-password@127.0.0.1:1/mcpctl";
  setup.mark("password of the database", "marked-database-password");
  const env = {
    EDITOR: editor,
    TMPDIR: scratch,
    MCPCTL_SERVER: server.url,
    MCPCTL_TOKEN: setup.bearer,
    MCPCTL_DATABASE_URL: databaseUrl,
  };
  const edit = async (what: string, more: string) => {
    writeFileSync(join(folder, "more"), more);
    return (await run(`edit ${what} -v`, { env })).code;
  };
  const value = JSON.stringify(marks.keyOnSealed);
  for (const name of secretNames) expect(await edit(`secret ${name}`, `data: { k: ${value} }\n`)).toBe(0);
  for (const what of ["llm far", "secretbackend app"]) expect(await edit(what, "# nothing\n"), what).toBe(0);
  // Nothing is left of what was typed.
  expect(readdirSync(scratch)).toEqual([]);
  for (const wrong of [
    `data: { k: [${value}] }\n`,
    `dta: ${value}\n`,
    `data: {k: ${value}\n`,
    `- ${value}\n`,
  ])
    expect(await edit("secret far", wrong)).toBe(1);

  const given = readFileSync(join(folder, "given"), "utf8");
  expect(given).toContain(`EDITOR=${editor}\n`);
  expect(given).toContain("name: far\n");
  setup.record("what the editor was given", given);
  expect(setup.leaks()).toEqual([]);
  for (const name of secretNames) {
    const { body } = await server.admin("GET", `/api/v1/secrets/${name}?reveal=true`);
    expect(body.data).toEqual({ k: marks.keyOnSealed });
  }
});

it("keeps no secret in its own files but the login, and completes none (T34)", async () => {
  const setup = await startSecrecySetup({ login: true });
  const { server, run } = setup;
  const home = freshFolder();
  const at = { home };
  const login = `login --server ${server.url} --user alice --password-stdin -v`;
  expect((await run(login, { ...at, input: marks.password })).code).toBe(0);
  const credentials = join(home, ".mcpctl/credentials.json");
  const session = readFileSync(credentials, "utf8");
  setup.mark("bearer of the command line", /mcpctl_ses_\w+/.exec(session)![0]);
  const offered = (typed: string) =>
    run(["__complete", "--", "--server", server.url, ...typed.split(" ")], at).then(({ stdout }) => stdout);
  // It waits for the server for a moment only: on a busy machine it may take another try.
  for (const { kind } of creatable) await expect.poll(() => offered(`get ${kind} `)).not.toBe("");
  await expect.poll(() => offered("describe secret/")).toMatch(/^secret\/shut$/m);
  for (const verb of ["migrate secrets --from", "rotate secretbackend"])
    await expect.poll(() => offered(`${verb} `), { message: verb }).toMatch(/^bao$/m);
  for (const flag of ["secret x --data", "llm x --api-key-ref", "secretbackend x --token-secret"])
    await offered(`create ${flag} `);
  expect((await run("get secrets -v", { ...at, env: { MCPCTL_SERVER: server.url } })).code).toBe(0);
  const files = readdirSync(join(home, ".mcpctl"), { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  expect(files.filter(({ parentPath }) => parentPath.endsWith("/cache")).length).toBeGreaterThanOrEqual(
    creatable.length,
  );
  for (const { parentPath, name } of files) {
    setup.record(`name of ${name}`, name);
    if (join(parentPath, name) !== credentials)
      setup.record(`file ${name}`, readFileSync(join(parentPath, name)));
  }
  expect(setup.leaks()).toEqual([]);
  // The search finds the bearer where it belongs.
  expect(setup.leaks([["credentials.json", session]])).toEqual([
    "bearer of the command line as it is in credentials.json",
  ]);
  expect((await run(`logout --server ${server.url}`, at)).code).toBe(0);
  expect(existsSync(credentials) ? readFileSync(credentials, "utf8") : "").not.toContain("mcpctl_ses_");
});
