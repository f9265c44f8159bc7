import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { type BinaryServer, freshFolder, mcpctl, startBinary } from "../support/binary.ts";
import {
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  reply,
  type Script,
  streamHead,
  upstream,
} from "../support/upstream.ts";

/** Looks like no provider's key: what is taken out of texts is taken out by value. */
const key = "Zq7.marked-provider-key/9f";
const prompt = "the quick private fox";

/** A provider that gives the key away, in every way it can. */
const telltale: Script = (asked, connection) => {
  const fault = { error: { message: `no access for ${key}`, type: `t-${key}`, code: key } };
  const wanted = String(asked.body?.messages?.[0]?.content ?? "");
  if (/^\d+$/.test(wanted)) return connection.write(reply(Number(wanted), fault, { "x-echo": key }));
  if (wanted === "not json") return connection.write(reply(200, `{"key": ${key}`));
  if (wanted === "reset") return connection.reset();
  if (wanted === "cut") {
    connection.write(streamHead + chunk(chatFrames(["hel"], false)[0]!));
    connection.write(chunk(`data: ${JSON.stringify(fault)}\n\n`) + lastChunk);
    return;
  }
  return goodProvider(asked, connection);
};

/** A server with a secret, an llm that uses it and a token, and everything it has ever said to anybody. */
async function houseWithSecret() {
  const provider = upstream(telltale);
  const server = await startBinary();
  const heard: string[] = [];
  const run = async (line: string, input?: string) => {
    const { code, stdout, stderr } = await server.run(line, { ...(input && { input }) });
    heard.push(stdout, stderr);
    return { code, stdout };
  };
  await run("create secret openai --data api-key=- -v", key);
  await run(`create llm gpt --type openai --model up --url ${provider.url} --api-key-ref openai/api-key -v`);
  const { stdout } = await run("create token laptop --bind role:run,resource:llms -o json");
  const bearer: string = JSON.parse(stdout).token;
  const ask = async (content: string, stream = false) => {
    const body = { model: "gpt", stream, messages: [{ role: "user", content }] };
    const { status, headers, text } = await server.call("POST", "/v1/chat/completions", { bearer, body });
    heard.push(JSON.stringify([...headers]), text);
    return status;
  };
  return { provider, server, heard, run, ask, bearer };
}

/** Names of the files under a folder whose bytes hold a text. */
function filesWith(folder: string, text: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files
    .filter((file) => readFileSync(join(file.parentPath, file.name)).includes(text))
    .map(({ name }) => name);
}

function processText(server: BinaryServer, what: "cmdline" | "environ"): string {
  return readFileSync(`/proc/${server.pid}/${what}`, "utf8");
}

it("sends the provider's key to the provider, and nowhere else (T20-T23, T25-T27, T29, T34, T35, T37)", async () => {
  const { provider, server, heard, run, ask } = await houseWithSecret();
  expect(await ask("hi")).toBe(200);
  expect(await ask("hi", true)).toBe(200);
  expect(
    await Promise.all(["400", "401", "403", "404", "429", "500", "not json", "reset"].map((how) => ask(how))),
  ).toEqual([400, 502, 502, 404, 429, 500, 502, 502]);
  expect(await ask("cut", true)).toBe(200);
  const sent = provider.seen.filter(({ headers }) => headers["authorization"] === `Bearer ${key}`);
  expect(sent).toHaveLength(provider.seen.length);

  const kinds = ["llm/gpt", "secret/openai", "token/laptop", "secretbackend/default", "user/admin"];
  for (const kind of kinds) expect((await run(`describe ${kind} -v`)).code).toBe(0);
  for (const format of ["wide", "json", "yaml", "name"])
    expect((await run(`get all -o ${format} -v`)).code).toBe(0);
  const manifest = `kind: secret\nname: openai\ndata: { api-key: ${key}, other: ${key} }\n`;
  expect((await run("apply -f - --dry-run -v", manifest)).stdout).toContain(
    "secret 'openai' configured (dry run",
  );
  for (const format of ["", " -o json", " -o yaml"]) await run(`apply -f - --dry-run -v${format}`, manifest);
  await run("diff -f - -v", manifest);
  expect((await run("apply -f - -v", `${manifest}dta: ${key}\n`)).code).toBe(1);
  expect((await run("apply -f - -v", `${manifest}data: { api-key: [${key}] }\n`)).code).toBe(1);
  expect((await run("create secret openai --data api-key=- -v", key)).code).toBe(1);
  expect((await run("create secret other --data bad!key=- -v", key)).code).toBe(2);
  expect((await run("login --user admin --password-stdin -v", key)).code).toBe(4);

  const refused = [
    { name: "other", dta: { k: key } },
    { name: "other", data: { k: { nested: key } } },
    { name: "other", data: { k: `${key}\n` }, backend: "none" },
    { name: "gpt", url: `http://user:${key}@host` },
  ];
  for (const path of ["/api/v1/secrets", "/api/v1/llms", "/api/v1/users"]) {
    for (const body of refused) {
      const { status, text } = await server.admin("POST", path, body);
      expect(status).toBe(400);
      heard.push(text);
    }
  }
  const unknown = await server.call("GET", "/api/v1/secrets", { bearer: key });
  expect(unknown.status).toBe(401);
  heard.push(unknown.text);
  for (const path of [
    "/api/v1/audit?limit=1000",
    "/metrics",
    "/openapi.json",
    "/api/v1/kinds",
    "/api/v1/secrets",
  ]) {
    const { status, text } = await server.admin("GET", path);
    expect(status).toBe(200);
    heard.push(text);
  }

  heard.push(
    server.said.stdout,
    server.said.stderr,
    processText(server, "cmdline"),
    processText(server, "environ"),
  );
  expect(heard.length).toBeGreaterThan(80);
  expect(heard.filter((text) => text.includes(key))).toEqual([]);
  expect(server.said.stdout).toBe("");
  expect(filesWith(server.home, key).filter((name) => !/^mcpctl\.db(-wal)?$/.test(name))).toEqual([]);
});

it("keeps no prompt, no answer, no password and no bearer in its files (T33, T36)", async () => {
  const { server, ask, bearer, run } = await houseWithSecret();
  const password = "correct horse battery";
  expect((await run("create user alice --password-stdin", password)).code).toBe(0);
  const login = await server.call("POST", "/api/v1/auth/login", { body: { user: "alice", password } });
  expect(login.status).toBe(200);
  expect(await ask(prompt)).toBe(200);
  expect(await ask(prompt, true)).toBe(200);

  // What is in the database is found by this search; what must not be is not.
  expect(filesWith(server.home, key)).not.toEqual([]);
  for (const text of [prompt, "hello there", password, bearer, login.body.token])
    expect(filesWith(server.home, text)).toEqual([]);

  expect((await run("delete secret openai")).code).toBe(0);
  server.kill("SIGTERM");
  expect(await server.ended).toBe(0);
  expect(filesWith(server.home, key)).toEqual([]);
  expect(filesWith(server.home, "openai")).toEqual(["mcpctl.db"]);
});

it("shows the database's password in no process listing when it comes by the environment (T29)", async () => {
  const home = freshFolder();
  const url = "postgres://mcpctl:marked-password@127.0.0.1:1/mcpctl";
  const { code, stdout, stderr } = await mcpctl("server --listen 127.0.0.1:0", {
    home,
    env: { MCPCTL_DATABASE_URL: url },
  });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^error: .*127\.0\.0\.1.*\n/);
  expect(stderr).not.toContain("marked-password");
});

it("takes nothing from the folder it is started in: no preload, no .env, no settings (T89)", async () => {
  const trap = freshFolder();
  const sprung = join(trap, "sprung");
  const write = (name: string, text: string) => writeFileSync(join(trap, name), text);
  const evil = `require("node:fs").writeFileSync(${JSON.stringify(sprung)}, process.argv.join(" "));`;
  for (const name of ["evil.ts", "evil.js"]) write(name, evil);
  write(
    "bunfig.toml",
    'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n[test]\npreload = ["./evil.ts"]\n',
  );
  write("package.json", '{"type":"module","imports":{"#x":"./evil.js"},"bun":{"preload":["./evil.ts"]}}');
  write("tsconfig.json", '{"compilerOptions":{"paths":{"*":["./evil.ts"]}}}');
  const settings =
    "NODE_TLS_REJECT_UNAUTHORIZED=0\nMCPCTL_SERVER=http://127.0.0.1:1\nMCPCTL_TOKEN=x\nMCPCTL_HOME=./h\n";
  const more = `MCPCTL_LISTEN=127.0.0.1:1\nMCPCTL_DATA_DIR=${trap}/data\nMCPCTL_DATABASE_URL=postgres://x@127.0.0.1:1/x\nBUN_OPTIONS=--preload=./evil.ts\n`;
  for (const name of [".env", ".env.local", ".env.production", ".env.development"])
    write(name, settings + more);
  for (const name of [".mcpctl.yaml", ".mcpctl.json", "mcpctl.yaml"])
    write(name, "server: http://127.0.0.1:1\n");
  const before = readdirSync(trap).sort();

  const server = await startBinary({ cwd: trap });
  expect(server.dataDir).toBe(join(server.home, ".mcpctl/server"));
  expect(await server.run("get users -o name", { cwd: trap })).toEqual({
    code: 0,
    stdout: "user/admin\n",
    stderr: "",
  });
  expect((await server.run("--version", { cwd: trap })).code).toBe(0);

  const secure = selfSigned();
  const line = `get llms --server ${secure.url.origin}`;
  expect(await server.run(line, { cwd: trap })).toMatchObject({ code: 1, stdout: "" });
  expect(secure.requests).toBe(0);
  // The same by the real environment is obeyed: the trap would have worked.
  await server.run(line, { cwd: trap, env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });
  expect(secure.requests).toBe(1);
  expect(readdirSync(trap).sort()).toEqual(before);
});

/** A server whose certificate nobody has signed but itself. */
function selfSigned() {
  const folder = freshFolder();
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const words = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
  ];
  const made = Bun.spawnSync([
    "openssl",
    ...words,
    "-subj",
    "/CN=127.0.0.1",
    "-keyout",
    keyFile,
    "-out",
    certFile,
  ]);
  if (!made.success) throw new Error(`openssl: ${made.stderr}`);
  const seen = { requests: 0 };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") },
    fetch: () => {
      seen.requests++;
      return Response.json([]);
    },
  });
  onTestFinished(() => server.stop(true));
  return Object.assign(seen, { url: server.url });
}
