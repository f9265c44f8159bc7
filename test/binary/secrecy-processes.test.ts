import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { connectClients } from "../../src/cli/cmd/connect/clients/index.ts";
import type { Arg, Commands } from "../../src/cli/core/command.ts";
import { globalArgs } from "../../src/cli/core/globals.ts";
import { commands } from "../../src/commands.ts";
import { kinds } from "../../src/kinds/index.ts";
import { binary, cleanEnv, freshFolder, mcpctl, textOf } from "../support/binary.ts";
import { findings, marks } from "../support/secrecy.ts";
import { readEverything, type SecrecySetup, startSecrecySetup } from "../support/test-secrecy.ts";

/** Arguments and environment of every process of the machine, which any user may read. */
function shownByProcesses(pids: readonly number[]): [string, string][] {
  const own = pids.flatMap((pid) =>
    ["cmdline", "environ"].map((what): [string, string] => [
      `${what} of ${pid}`,
      readFileSync(`/proc/${pid}/${what}`, "utf8"),
    ]),
  );
  const { stdout, success } = Bun.spawnSync(["ps", "axwwe", "-o", "pid,args"]);
  if (!success) throw new Error("ps failed");
  return [...own, ["ps", stdout.toString()]];
}

/** Until a process is what it was started as, and no copy of this one any more. */
async function begun(pid: number): Promise<void> {
  const own = readFileSync("/proc/self/cmdline", "utf8");
  while (readFileSync(`/proc/${pid}/cmdline`, "utf8") === own)
    await new Promise((resolve) => setImmediate(resolve));
}

/** A command line that has its input and is not done. */
function waiting(setup: SecrecySetup, line: string, input: string, end = true) {
  const running = Bun.spawn([binary, ...line.split(" ")], {
    env: cleanEnv(setup.server.home),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  onTestFinished(() => running.kill("SIGKILL"));
  running.stdin.write(input);
  if (end) running.stdin.end();
  else running.stdin.flush();
  const finish = async () => {
    running.stdin.end();
    setup.record(`stdout of ${line}`, await textOf(running.stdout));
    setup.record(`stderr of ${line}`, await textOf(running.stderr));
    return running.exited;
  };
  return { pid: running.pid, finish };
}

it("shows no secret in the arguments or the environment of the server, or of a command line that waits (T29, T30)", async () => {
  const setup = await startSecrecySetup({ login: true });
  const { server, bao, provider } = setup;
  expect(
    (
      await setup.call("POST", "/v1/chat/completions", {
        bearer: setup.bearer,
        body: { model: "far", messages: [{ role: "user", content: "hi" }] },
      })
    ).status,
  ).toBe(200);
  expect(provider.seen.at(-1)!.headers["authorization"]).toBe(`Bearer ${marks.keyInOpenBao}`);

  const held = Promise.withResolvers<void>();
  const asked = new Set<string>();
  const bothAsked = Promise.withResolvers<void>();
  bao.before = async ({ headers }) => {
    asked.add(headers["x-vault-token"] ?? "");
    if (asked.has(marks.adminToken) && asked.has(marks.openBaoToken)) bothAsked.resolve();
    await held.promise;
    return undefined;
  };
  const llm = `--type openbao --url ${bao.url} --path-prefix wiz --wizard`;
  const lines = [
    waiting(setup, `create secretbackend wiz ${llm}`, `${marks.adminToken}\n`),
    waiting(setup, "create secret new --backend bao --data k=-", marks.keyOnSealed),
    waiting(setup, `login --server ${server.url} --user alice --password-stdin`, marks.password, false),
    waiting(setup, "create user bob --password-stdin", marks.password, false),
    waiting(
      setup,
      "apply -f -",
      `kind: secret\nname: more\ndata: { k: ${JSON.stringify(marks.keyOnSealed)} }\n`,
      false,
    ),
  ];
  await bothAsked.promise;
  const [arg, variable] = ["an-argument-that-tells", "settings-which-give-away"];
  const careless = Bun.spawn(["sh", "-c", "echo; read line", "sh", arg], {
    env: cleanEnv(freshFolder(), { MARK: variable }),
    stdin: "pipe",
    stdout: "pipe",
  });
  onTestFinished(() => careless.kill("SIGKILL"));
  await careless.stdout.getReader().read();
  await Promise.all(lines.map(({ pid }) => begun(pid)));
  const pids = [server.pid, careless.pid, ...lines.map(({ pid }) => pid)];
  const shown = shownByProcesses(pids);
  held.resolve();
  expect(await Promise.all(lines.map(({ finish }) => finish()))).toEqual([0, 0, 0, 0, 0]);
  expect(setup.leaks(shown)).toEqual([]);
  // The search finds what is there.
  setup.mark("argument", arg);
  setup.mark("variable", variable);
  expect(setup.leaks(shown).sort()).toEqual([
    `argument as it is in cmdline of ${careless.pid}`,
    "argument as it is in ps",
    `variable as it is in environ of ${careless.pid}`,
    "variable as it is in ps",
  ]);
});

it("takes no secret as an argument but in create secret --data, and repeats none that is given as one (T29, T31)", async () => {
  const telling = /token|secret|passw|key|credential|bearer|auth/i;
  const found: string[] = [];
  const look = (line: string, args: Readonly<Record<string, Arg>>) => {
    for (const [name, { type, description = "", valueHint = "" }] of Object.entries(args))
      if (type !== "boolean" && telling.test(`${name} ${description} ${valueHint}`))
        found.push(`${line} --${name} ${valueHint}`.trim());
  };
  const walk = async (before: string, level: Commands) => {
    for (const [name, { load }] of Object.entries(level)) {
      const verb = await load();
      const line = `${before} ${name}`.trim();
      look(line, verb.args);
      if (verb.verbs) await walk(line, verb.verbs);
      if (name !== "create") continue;
      for (const { kind } of kinds) look(`${line} ${kind}`, await verb.moreArgs!([kind], undefined as never));
    }
  };
  await walk("", commands);
  look("", globalArgs);
  const known = [
    "--token-file FILE",
    // It names a token whose events are shown.
    "audit --token NAME",
    // They name files and public keys.
    "backup --identity FILE",
    "backup --recipient AGE-KEY",
    "restore --identity FILE",
    "server --backup-recipient AGE-KEY",
    // They name a variable that will hold the token; a time after which it ends.
    ...[
      "claude",
      "claude-generate",
      "codex",
      "continue",
      "cursor",
      "gemini",
      "opencode",
      "qwen",
      "zed",
    ].flatMap((client) => [`config ${client} --token-env VARIABLE`, `config ${client} --ttl TIME`]),
    // Its description names authorities.
    "config set-context --ca-cert FILE",
    ...["config vscode --token-env VARIABLE", "config vscode --ttl TIME"],
    ...connectClients.flatMap(({ name, mcp }) => [
      ...(mcp ? [`connect ${name} --token-env VARIABLE`] : []),
      `connect ${name} --ttl TIME`,
    ]),
    // Of calls to the model: its description names max_tokens.
    "create agent --param k=v",
    "create group --limit NAME=N",
    "create llm --api-key-ref SECRET/KEY",
    // Their descriptions name tokens of a model.
    "create llm --capabilities NAME=VALUE",
    "create llm --price NAME=DOLLARS",
    // Its description names the kind of a token.
    "create rbac --subject KIND:NAME",
    "create secret --backend",
    // These take a value; they read files and standard input as well.
    "authorize --data K=V",
    "create secret --data K=V",
    "create secretbackend --mount",
    "create secretbackend --token-secret SECRET/KEY",
    "create secretbackend --type",
    // Values that are secret are named by their secret here, as the descriptions say.
    "create server --env NAME=VALUE",
    "create server --header NAME=VALUE",
    // Their descriptions name a login; the secret is named by its name.
    "create server --oauth-client-id",
    "create server --oauth-client-secret SECRET/KEY",
    "create server --oauth-grant",
    "create server --oauth-issuer",
    "create server --oauth-scope SCOPE",
    "create server --set NAME=VALUE",
    "create template --parameters JSON",
    "create token --limit NAME=N",
    "create user --limit NAME=N",
    // A user here is the owner of a token.
    "grant --user",
    "revoke --user",
    // Their descriptions name the kind of a token.
    "create user --quota NAME=N",
    // Its description names authorities.
    "login --ca-cert FILE",
    "migrate --from BACKEND",
    "migrate --names NAME,NAME",
    "migrate --to BACKEND",
    // It may hold a password, and its description says how to keep that out of here.
    "server --database-url URL",
    "server --master-key-file FILE",
    "server --quota NAME=N",
    "server --tls-key FILE",
  ];
  expect(found.sort()).toEqual(known.sort());

  const given = marks.rejected;
  const lines = [
    ["login", "--user", "alice", `--password=${given}`],
    ["login", "--user", "alice", "--password", given],
    ["create", "user", "bob", `--password-stdin=${given}`],
    ["create", "llm", "x", "--type", "openai", "--model", "m", `--api-key=${given}`],
    ["create", "llm", "x", "--type", "openai", "--model", "m", "--api-key-ref", given.replace("/", "")],
    ["create", "secret", "x", "--data", given.replace("=", "")],
    ["create", "secret", "x", "--data", `bad key=${given}`],
    ["authorize", "server", "x", "--data", given.replace("=", "")],
    ["create", "secretbackend", "x", "--type", "openbao", "--url", "http://127.0.0.1:1", `--wizard=${given}`],
    ["create", "secretbackend", "x", "--type", "openbao", "--url", "http://127.0.0.1:1", `--token=${given}`],
    ["server", `--master-key=${given}`],
  ];
  for (const line of lines) {
    const { code, stdout, stderr } = await mcpctl([...line, "-v"]);
    expect([code, stderr], line.join(" ")).toEqual([2, expect.stringContaining("error: ")]);
    expect(findings(new Map([["it", given]]), [["what is said", stdout + stderr]]), line.join(" ")).toEqual(
      [],
    );
  }
});

it("shows no secret when its database fails or it crashes (T22, T27, T28, T32)", async () => {
  const setup = await startSecrecySetup({
    login: true,
    before: ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh"],
  });
  const { server, admin, call, bearer } = setup;
  const file = join(server.dataDir, "mcpctl.db");
  const values = { k: marks.keyOnSealed, more: marks.rejected };
  for (const table of ["secret_data", "secret_orphans", "credentials", "audit_events"]) {
    {
      using database = new Database(file);
      database.run(`alter table ${table} rename to ${table}_gone`);
    }
    const answers = [
      await admin("POST", "/api/v1/secrets", { name: "new", backend: "default", data: values }),
      await admin("PUT", "/api/v1/secrets/shut", { data: values }),
      await admin("POST", "/api/v1/secrets/migrate", { from: "default", to: "vault" }),
      await call("POST", "/v1/chat/completions", {
        bearer,
        body: { model: "plain", messages: [{ role: "user", content: "hi" }] },
      }),
    ];
    if (table === "credentials") {
      answers.push(await admin("POST", "/api/v1/users", { name: "bob", password: marks.password }));
      answers.push(
        await call("POST", "/api/v1/auth/login", { body: { user: "alice", password: marks.password } }),
      );
    }
    expect(
      answers.map(({ status }) => status),
      table,
    ).toContain(500);
    expect(server.said.stderr).toContain(`no such table: ${table}`);
    using database = new Database(file);
    database.run(`alter table ${table}_gone rename to ${table}`);
  }
  await readEverything(setup);
  server.kill("SIGABRT");
  expect(await server.ended).toBe("SIGABRT");
  expect(server.said.stderr).toMatch(/panic/);
  expect(setup.leaks()).toEqual([]);
});
