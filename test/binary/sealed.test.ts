import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { cleanEnv, freshFolder, must, type ServerOptions, startBinary } from "../support/binary.ts";
import {
  answerOf,
  backUp,
  copied,
  hashes,
  holding,
  idOf,
  isRoot,
  keyFolder,
  keysIn,
  kidsIn,
  kill,
  killWhileRotating,
  makeSecrets,
  makeVault,
  newKey,
  powerless,
  putOnTop,
  startRefused,
  startWithKey,
  stop,
  valuesOf,
  watchProcesses,
} from "../support/sealed-server.ts";
import { goodProvider, upstream } from "../support/upstream.ts";

describe("the master key", () => {
  it.each<[string, (at: { folder: string; path: string }) => ServerOptions]>([
    ["--master-key-file", ({ folder }) => ({ args: ["--master-key-file", "master-key"], cwd: folder })],
    ["MCPCTL_MASTER_KEY_FILE", ({ path }) => ({ env: { MCPCTL_MASTER_KEY_FILE: path } })],
    ["$CREDENTIALS_DIRECTORY/master-key", ({ folder }) => ({ env: { CREDENTIALS_DIRECTORY: folder } })],
  ])("comes from %s, and what it seals, moved or new, reaches the provider", async (_, optionsFor) => {
    const { folder, path, key } = keyFolder();
    chmodSync(path, 0o400);
    const provider = upstream(goodProvider);
    const server = await startBinary(optionsFor({ folder, path }));
    const run = (line: string, input?: string) => must(server.run(line, { ...(input && { input }) }));
    await run("create secret openai --data api-key=-", "sk-marked-moved");
    expect(await run("create secretbackend vault --type sealed --default")).toMatch(
      /^secretbackend 'vault' created \(id: sbe_\w+\)\n$/,
    );
    expect(await run("migrate secrets --from default --to vault")).toBe("secret 'openai' migrated\n");
    await run("create secret other --data api-key=-", "sk-marked-new");
    expect((await run("get secrets")).match(/^\w+ +\w+/gm)).toEqual([
      "NAME     BACKEND",
      "openai   vault",
      "other    vault",
    ]);
    expect(kidsIn(server.dataDir)).toEqual([idOf(key), idOf(key)]);
    const { token: bearer } = JSON.parse(await run("create token t --bind role:run,resource:llms -o json"));
    for (const [llm, secret, value] of [
      ["one", "openai", "sk-marked-moved"],
      ["two", "other", "sk-marked-new"],
    ] as const) {
      const how = `--type openai --model up --url ${provider.url} --skip-auth-check`;
      await run(`create llm ${llm} ${how} --api-key-ref ${secret}/api-key`);
      const body = { model: llm, messages: [{ role: "user", content: "hi" }] };
      expect((await server.call("POST", "/v1/chat/completions", { bearer, body })).status).toBe(200);
      expect(provider.seen.at(-1)!.headers["authorization"]).toBe(`Bearer ${value}`);
    }
  });
});

describe("a thief's copy of the files", () => {
  it("has no value that is sealed, was moved or is deleted: while the server runs, killed, and stopped (T33)", async () => {
    const { folder, path, key } = keyFolder();
    /** Long enough to fill pages of its own. */
    const long = (mark: string) => mark.repeat(2000);
    let server = await startWithKey(path);
    await makeSecrets(
      server,
      { stays: "marked-stays", moved: "marked-moved", large: long("marked-large"), gone: "marked-gone" },
      "default",
    );
    await makeSecrets(server, { changed: "marked-before-change" }, "default");
    const change = (name: string, k: string) =>
      answerOf(server, "PUT", `/api/v1/secrets/${name}`, { data: { k } });
    await change("changed", "marked-after-change");
    for (const text of ["marked-moved", "marked-large", "marked-gone", "marked-after-change"])
      expect(holding(copied(server.home), text), text).not.toEqual([]);
    await must(server.run("delete secret gone"));
    await makeVault(server);
    await must(server.run("migrate secrets --from default --to vault --names moved,large,changed"));
    await makeSecrets(server, {
      sealed: "marked-sealed",
      huge: long("marked-huge"),
      turned: "marked-first",
      dropped: "marked-dropped",
    });
    await change("turned", "marked-second");
    await must(server.run("delete secret dropped"));
    await must(server.run("rotate master-key"));
    await change("sealed", "marked-sealed-anew");
    await makeSecrets(server, { last: "marked-last" });

    const nowhere = [
      ...["marked-moved", "marked-large", "marked-gone", "marked-before-change", "marked-after-change"],
      ...["marked-sealed", "marked-huge", "marked-first", "marked-second", "marked-dropped", "marked-last"],
      ...[key, keysIn(path)[0]!].flatMap((one) => [one, Buffer.from(one, "base64")]),
    ];
    const look = (files: Map<string, Buffer>) => {
      for (const text of nowhere) expect(holding(files, text), String(text)).toEqual([]);
      // The same search finds what is not sealed.
      expect(holding(files, "marked-stays")).not.toEqual([]);
    };
    const running = copied(server.home);
    expect([...running.keys()].map((at) => at.replace(".mcpctl/server/mcpctl.db", ""))).toEqual([
      "",
      "-shm",
      "-wal",
      ".lock",
    ]);
    // The last value is in the log alone.
    expect(running.get(".mcpctl/server/mcpctl.db-wal")!.length).toBeGreaterThan(0);
    look(running);
    await kill(server);
    look(copied(server.home));
    server = await startWithKey(path, { home: server.home });
    await change("sealed", "marked-sealed-again");
    look(copied(server.home));
    await stop(server);
    look(copied(server.home));
    expect(holding(copied(folder), "marked-")).toEqual([]);
    expect([...copied(folder).keys()]).toEqual(["master-key"]);
  });
});

describe("a server with the wrong master key", () => {
  it("ends at once with one error that says so, changes nothing, and nothing is lost", async () => {
    const { path, key } = keyFolder();
    const [wrong, half] = [newKey(), key.slice(0, 20)];
    const folder = freshFolder();
    const fileWith = (name: string, text: string, mode = 0o600) => {
      writeFileSync(join(folder, name), text);
      chmodSync(join(folder, name), mode);
      return join(folder, name);
    };
    mkdirSync(join(folder, "folder"));
    const howToMake = /^hint: a master key is 32 random bytes/;
    const ours = `master key file ${folder}`;
    const cases: [path: string | undefined, error: string, hint: RegExp][] = [
      [
        undefined,
        `secret backend "vault" is sealed with master key ${idOf(key)}; this server was given none`,
        /^hint: .*--master-key-file/,
      ],
      [
        fileWith("wrong", wrong),
        `secret backend "vault" is sealed with master key ${idOf(key)}; this server was given another, ${idOf(wrong)}`,
        /^hint: .*nothing was changed$/,
      ],
      [fileWith("damaged", `# mine\n${half}\n`), `${ours}/damaged: line 2 is not a key`, howToMake],
      [fileWith("empty", ""), `${ours}/empty: there is no key in it`, howToMake],
      [
        fileWith("open", `${key}\n`, 0o644),
        `${ours}/open: others than its owner may read or change it`,
        /^hint: chmod 600 \S+\/open$/,
      ],
      [join(folder, "folder"), `${ours}/folder: it is not a regular file`, /^hint: give --master-key-file/],
      [
        join(folder, "missing"),
        `${ours}/missing: it cannot be read: it does not exist (ENOENT)`,
        /^hint: give --master-key-file/,
      ],
    ];

    let server = await startWithKey(path);
    const { home, dataDir } = server;
    await makeVault(server);
    const values = { a: "marked-a", b: "marked-b" };
    await makeSecrets(server, values);
    await stop(server);
    const before = hashes(copied(dataDir));
    expect(Object.keys(before)).toEqual(["mcpctl.db", "mcpctl.db.lock"]);
    const start = (file: string | undefined) =>
      startRefused({ home, ...(file !== undefined && { env: { MCPCTL_MASTER_KEY_FILE: file } }) });
    for (const [file, error, hint] of cases) {
      const said = await start(file);
      const [first, second, ...rest] = said.split("\n");
      expect(first).toBe(`the server ended with 1: error: ${error}`);
      expect(second).toMatch(hint);
      expect(rest.join("")).toBe("");
      for (const text of [half, wrong]) expect(said).not.toContain(text);
      expect(hashes(copied(dataDir)), error).toEqual(before);
    }

    server = await startWithKey(path, { home });
    expect(await valuesOf(server, ["a", "b"])).toEqual(values);
    await makeSecrets(server, { c: "marked-c" });
    // A value that is still in the log is not lost either.
    await kill(server);
    for (const [file, error] of cases.slice(0, 2))
      expect(await start(file)).toContain(` 1: error: ${error}\n`);
    server = await startWithKey(path, { home });
    expect(await valuesOf(server, ["a", "b", "c"])).toEqual({ ...values, c: "marked-c" });
  });
});

describe("rotate master-key", () => {
  it("adds a key at the top of the file; older secrets open with the old key, and only with it", async () => {
    const { folder, path, key } = keyFolder();
    writeFileSync(path, `# made on a rainy day\n${key}\n`);
    chmodSync(path, 0o400);
    if (isRoot) chownSync(path, 65_534, 65_533);
    const owned = () => (({ mode, uid, gid }) => ({ mode, uid, gid }))(statSync(path));
    const [before, ownedBefore] = [readFileSync(path, "utf8"), owned()];
    let server = await startWithKey(path);
    await makeVault(server);
    const values = { a: "marked-a", b: "marked-b", c: "marked-c" };
    await makeSecrets(server, values);
    const backup = freshFolder();
    backUp(server.dataDir, backup);

    const said = await must(server.run("rotate master-key"));
    const [fresh, ...older] = keysIn(path) as [string, ...string[]];
    expect(said).toBe(`master key rotated: 3 secrets rewrapped (key ${idOf(fresh)})\n`);
    expect(older).toEqual([key]);
    expect(fresh).not.toBe(key);
    expect(readFileSync(path, "utf8")).toMatch(
      /^# since \d{4}-\d\d-\d\d[^\n]*\n[^#\n]+\n# made on a rainy day\n/,
    );
    expect(readFileSync(path, "utf8").endsWith(before)).toBe(true);
    expect(owned()).toEqual(ownedBefore);
    expect(readdirSync(folder)).toEqual(["master-key"]);
    const all = Object.keys(values);
    // Nothing has been read before: none of it is from memory.
    expect(await valuesOf(server, all)).toEqual(values);
    expect(kidsIn(server.dataDir)).toEqual([idOf(fresh), idOf(fresh), idOf(fresh)]);
    await stop(server);
    server = await startWithKey(path, { home: server.home });
    expect(await valuesOf(server, all)).toEqual(values);
    await stop(server);

    const old = await startWithKey(path, { args: ["--data-dir", backup] });
    expect(await valuesOf(old, all)).toEqual(values);
    await stop(old);
    rmSync(path);
    writeFileSync(path, `${fresh}\n`, { mode: 0o600 });
    server = await startWithKey(path, { home: server.home });
    expect(await valuesOf(server, all)).toEqual(values);
    expect(await startRefused({ args: ["--data-dir", backup, "--master-key-file", path] })).toContain(
      ` 1: error: secret backend "vault" is sealed with master key ${idOf(key)}; this server was given another, ${idOf(fresh)}\n`,
    );
  });

  it("is finished by the next run after kill -9 at any of ten moments, and every secret opens in between", async () => {
    const { folder, path } = keyFolder();
    let server = await startWithKey(path);
    const { home, dataDir } = server;
    await makeVault(server);
    const all = 100;
    const values = Object.fromEntries(Array.from({ length: all }, (_, n) => [`s-${n}`, `marked-${n}`]));
    await makeSecrets(server, values);
    const behind = (keyId: string) => kidsIn(dataDir).filter((kid) => kid !== keyId).length;

    let cut = 0;
    for (const moment of ["writing the file", "wrote it", 1, 10, 22, 35, 47, 60, 75, all] as const) {
      const [current] = keysIn(path) as [string];
      const files = readdirSync(folder).length;
      const reached = () => {
        if (typeof moment === "number") return behind(idOf(current)) >= moment;
        if (moment === "writing the file" && readdirSync(folder).length > files) return true;
        return keysIn(path)[0] !== current;
      };
      await killWhileRotating(server, reached);
      const left = behind(idOf(keysIn(path)[0]!));
      if (left > 0 && left < all) cut++;

      server = await startWithKey(path, { home });
      expect(await valuesOf(server, Object.keys(values))).toEqual(values);
      const said = await must(server.run("rotate master-key"));
      const keyId = idOf(keysIn(path)[0]!);
      const what = left > 0 ? "rotation finished" : "master key rotated";
      const secrets = left === 1 ? "1 secret" : `${left || all} secrets`;
      expect(said).toBe(`${what}: ${secrets} rewrapped (key ${keyId})\n`);
      expect(behind(keyId)).toBe(0);
    }
    expect(kidsIn(dataDir)).toHaveLength(all);
    // The signal came in the middle, and not always before or after.
    expect(cut).toBeGreaterThanOrEqual(3);
    // A rotation that is killed while it writes the file leaves keys behind as well.
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
  });

  it.each<[string, (folder: string, path: string) => ServerOptions, RegExp]>([
    [
      "in a folder that the server may not write to",
      (_, path) => ({ before: powerless, env: { MCPCTL_MASTER_KEY_FILE: path } }),
      /the master key file \S+ cannot be changed: permission denied \(EACCES\)/,
    ],
    [
      "a credential of systemd",
      (folder) => ({ env: { CREDENTIALS_DIRECTORY: folder } }),
      /the master key file is a credential of systemd/,
    ],
  ])("says how it is done by hand when the file is %s, and so it works", async (_, optionsFor, why) => {
    const { folder, path, key } = keyFolder();
    chmodSync(folder, 0o500);
    onTestFinished(() => chmodSync(folder, 0o700));
    const options = optionsFor(folder, path);
    let server = await startBinary(options);
    const { home, dataDir } = server;
    await makeVault(server);
    await makeSecrets(server, { a: "marked-a", b: "marked-b" });
    const before = hashes(copied(folder));
    const { code, stdout, stderr } = await server.run("rotate master-key");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const steps = /make a key with "openssl rand -base64 32".*first line.*restart.*run this again.*/;
    expect(stderr).toMatch(new RegExp(`^error: ${why.source}\nhint: ${steps.source}\nrequest: req_\\w+\n$`));
    expect(stderr).not.toContain(key);
    expect(hashes(copied(folder))).toEqual(before);
    await makeSecrets(server, { c: "marked-c" });
    expect(new Set(kidsIn(dataDir))).toEqual(new Set([idOf(key)]));
    await stop(server);

    const mine = newKey();
    putOnTop(path, mine);
    server = await startBinary({ ...options, home });
    expect(await must(server.run("rotate master-key"))).toBe(
      `rotation finished: 3 secrets rewrapped (key ${idOf(mine)})\n`,
    );
    expect(keysIn(path)).toEqual([mine, key]);
    expect(await valuesOf(server, ["a", "b", "c"])).toEqual({ a: "marked-a", b: "marked-b", c: "marked-c" });
    expect(kidsIn(dataDir)).toEqual([idOf(mine), idOf(mine), idOf(mine)]);
  });
});

describe("master keys and values", () => {
  it("are in no process's arguments or environment while they are stored, used and rotated (T29, T30)", async () => {
    const { path, key } = keyFolder();
    const provider = upstream(goodProvider);
    const careless = Bun.spawn(["sh", "-c", "read line", "sh", "marked-argument"], {
      env: cleanEnv(freshFolder(), { MARK: "marked-variable" }),
      stdin: "pipe",
    });
    onTestFinished(() => careless.kill("SIGKILL"));
    const controls = ["marked-argument", "marked-variable"];
    const ended = watchProcesses([...controls, key, "sk-marked-value"]);
    const server = await startWithKey(path);
    await makeVault(server);
    await must(server.run("create secret openai --data api-key=-", { input: "sk-marked-value" }));
    const llm = `--type openai --model up --url ${provider.url} --api-key-ref openai/api-key`;
    await must(server.run(`create llm gpt ${llm}`));
    expect(provider.seen.at(-1)!.headers["authorization"]).toBe("Bearer sk-marked-value");
    await must(server.run("rotate master-key"));
    expect([...(await ended())].sort()).toEqual(controls);
  });

  it.each(["SIGABRT", "SIGSEGV"] as const)(
    "are not in what a server says of its end by %s, nor is there a core under LimitCORE=0 (T32)",
    async (signal) => {
      const { path, key } = keyFolder();
      const server = await startWithKey(path, { before: ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh"] });
      await makeVault(server);
      await makeSecrets(server, { a: "marked-a" });
      await must(server.run("rotate master-key"));
      expect(await valuesOf(server, ["a"])).toEqual({ a: "marked-a" });
      server.kill(signal);
      expect(await server.ended).toBe(signal);
      // Bun tells of a crash, at some length.
      expect(server.said.stderr).toMatch(/panic/);
      for (const text of ["marked-", key, keysIn(path)[0]!])
        expect(server.said.stderr + server.said.stdout).not.toContain(text);
      expect(readdirSync(server.home)).toEqual([".mcpctl"]);
      const next = await startWithKey(path, { home: server.home });
      expect(await valuesOf(next, ["a"])).toEqual({ a: "marked-a" });
    },
  );
});
