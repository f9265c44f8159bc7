import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { freshFolder, mcpctl, startBinary } from "../support/binary.ts";

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
