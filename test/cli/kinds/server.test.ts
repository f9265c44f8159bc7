import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { builtInTemplates } from "../../../src/kinds/templates/index.ts";
import { newId } from "../../../src/server/core/ids.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import type { Row } from "../../../src/server/core/store/types.ts";
import { type CliOptions, newHome, cli as run } from "../../support/cli/run-cli.ts";
import { must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function withCli() {
  const server = await testServer();
  const cli = (line: string | readonly string[], options: CliOptions = {}) =>
    run(line, { server: { url: `unix://${server.socketPath}` }, ...options });
  const shown = async (name: string) => (await must(server.admin("GET", `/api/v1/servers/${name}`))).body;
  return { server, cli, shown };
}

const token = "ghp-canary-value";

describe("create server --from-template", () => {
  it("fills the parameters in, and takes other flags over the template", async () => {
    const { cli, shown } = await withCli();
    const { code, stdout } = await cli(
      "create server notes --from-template filesystem --set FOLDER=/srv/notes --sharing session --description mine",
    );
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^server 'notes' created \(id: srv_/)]);
    expect(await shown("notes")).toMatchObject({
      package: "npm:@modelcontextprotocol/server-filesystem@2026.8.31",
      args: ["/srv/notes"],
      hostPaths: { write: ["/srv/notes"] },
      sharing: "session",
      description: "mine",
      template: "filesystem",
    });
  });

  it("makes each user give a key with user://KEY, and so does a template that says it itself", async () => {
    const { cli, shown, server } = await withCli();
    const env = [{ name: "TOKEN", valueFrom: { userKey: "pat" } }];
    const own = { name: "own", server: { command: ["/bin/true"], sharing: "session", env } };
    await must(server.admin("POST", "/api/v1/templates", own));
    for (const [line, key, sharing] of [
      ["create server each --from-template github --set TOKEN=user://token", "token", "principal"],
      [
        "create server apart --from-template github --set TOKEN=user://token --sharing session",
        "token",
        "session",
      ],
      ["create server said --from-template own", "pat", "session"],
    ] as const) {
      const { code, stderr } = await cli(line);
      expect(code, stderr).toBe(0);
      const row = await shown(line.split(" ")[2]!);
      expect([row.env[0].valueFrom, row.sharing]).toEqual([{ userKey: key }, sharing]);
    }
    expect((await must(server.admin("GET", "/api/v1/secrets"))).body).toEqual([]);
    const shared = await cli(
      "create server f --from-template github --set TOKEN=user://token --sharing shared",
    );
    expect([shared.code, shared.stderr]).toEqual([1, expect.stringContaining("--sharing")]);
  });

  it("uses a secret that exists, and stores a value that a file or standard input has", async () => {
    const { cli, shown, server } = await withCli();
    await must(server.admin("POST", "/api/v1/secrets", { name: "gh", data: { token } }));
    const home = newHome();
    writeFileSync(join(home, "key"), `${token}\n`);
    const created = async (name: string, value: string, options: CliOptions = {}) => {
      const got = await cli(`create server ${name} --from-template github --set TOKEN=${value}`, {
        home,
        ...options,
      });
      expect(got.code, got.stderr).toBe(0);
      expect(got.stdout + got.stderr).not.toContain(token);
      return (await shown(name)).env[0].valueFrom.secretRef;
    };
    expect(await created("a", "gh/token")).toEqual({ name: "gh", key: "token" });
    expect(await created("b", "@key")).toEqual({ name: "b", key: "token" });
    expect(await created("c", "-", { stdin: token })).toEqual({ name: "c", key: "token" });
    expect((await server.admin("GET", "/api/v1/secrets/c?reveal=true")).body.data).toEqual({ token });
    const refused = await cli(`create server d --from-template github --set TOKEN=${token}`);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("TOKEN=SECRET/KEY")]);
    expect(refused.stderr).not.toContain(token);
    expect((await server.admin("GET", "/api/v1/secrets/d")).status).toBe(404);
  });

  it("asks for what is missing on a terminal, hidden where it is secret", async () => {
    const { cli, shown } = await withCli();
    const { code, prompts, stdout, stderr } = await cli("create server graf --from-template grafana", {
      answers: ["http://grafana.lan:3000", token],
    });
    expect(code, stderr).toBe(0);
    expect(prompts).toEqual([
      "URL (The address of Grafana: http://grafana.lan:3000): ",
      "TOKEN (The token of a service account of Grafana), SECRET/KEY, user://KEY or the value: (hidden)",
    ]);
    expect(stdout + stderr).not.toContain(token);
    expect((await shown("graf")).env).toEqual([
      { name: "GRAFANA_URL", value: "http://grafana.lan:3000" },
      {
        name: "GRAFANA_SERVICE_ACCOUNT_TOKEN",
        valueFrom: { secretRef: { name: "graf", key: "token" } },
      },
    ]);
    const off = await cli("create server g2 --from-template grafana");
    expect([off.code, off.prompts]).toEqual([2, []]);
    expect(off.stderr).toContain("missing parameters of the template: URL, TOKEN");
    expect(off.stderr).toContain("--set TOKEN=SECRET/KEY");
  });

  it("leaves no secret behind when the server cannot be created", async () => {
    const { cli, server } = await withCli();
    await must(server.admin("POST", "/api/v1/servers", { name: "taken", url: "https://x.example" }));
    const options = { stdin: token };
    const { code, stderr } = await cli("create server taken --from-template github --set TOKEN=-", options);
    expect([code, stderr]).toEqual([1, expect.stringContaining("secret 'taken' deleted again")]);
    expect((await server.admin("GET", "/api/v1/secrets/taken")).status).toBe(404);
    await must(server.admin("POST", "/api/v1/secrets", { name: "busy", data: { k: "v" } }));
    const busy = await cli("create server busy --from-template github --set TOKEN=-", options);
    expect([busy.code, busy.stderr]).toEqual([
      1,
      expect.stringContaining('a secret "busy", which exists already'),
    ]);
    expect((await server.admin("GET", "/api/v1/servers/busy")).status).toBe(404);
  });

  it("checks it at the server with --dry-run, and creates neither the server nor its secret (T174)", async () => {
    const { cli, server } = await withCli();
    const line = "create server gh --from-template github --set TOKEN=- --dry-run";
    const { code, stdout, stderr } = await cli(line, { stdin: token });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "server 'gh' created (dry run)\n" });
    expect(stderr).toBe("secret 'gh' created (dry run)\nnot checked to the end: it needs secret \"gh\"\n");
    const yaml = await cli(`${line} -o yaml`, { stdin: token });
    expect(yaml.stdout).toContain("kind: server\nname: gh\n");
    expect(yaml.stdout + yaml.stderr).not.toContain(token);
    for (const path of ["servers", "secrets"])
      expect((await must(server.admin("GET", `/api/v1/${path}`))).body).toEqual([]);
    expect((await must(server.admin("GET", "/api/v1/audit?action=create"))).body).toEqual([]);
    const wrong = await cli("create server gh --url https://x.example --header A=secret://none/k --dry-run");
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('there is no secret "none"')]);
    await must(server.admin("POST", "/api/v1/servers", { name: "taken", url: "https://x.example" }));
    const taken = await cli("create server taken --url https://y.example --dry-run");
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining('"taken" exists already')]);
    const forced = await cli("create server taken --url https://y.example --dry-run --force");
    expect(forced).toMatchObject({ code: 0, stdout: "server 'taken' updated (dry run)\n" });
    expect((await must(server.admin("GET", "/api/v1/servers/taken"))).body.url).toBe("https://x.example/");
  });

  it("says that a folder has to be an absolute path", async () => {
    const { cli } = await withCli();
    const { code, stderr } = await cli("create server f --from-template filesystem --set FOLDER=notes");
    expect([code, stderr]).toEqual([1, expect.stringContaining("must be an absolute path without . and ..")]);
    expect(stderr).not.toContain("must match");
  });

  it("refuses unknown templates and parameters with the nearest ones", async () => {
    const { cli } = await withCli();
    for (const [line, code, message] of [
      ["create server x --from-template githb", 3, 'did you mean "github"?'],
      ["create server x --from-template github --set TOKN=a/b", 2, 'did you mean "TOKEN"?'],
      ["create server x --from-template time --set TIMEZONE", 2, ""],
      ["create server x --from-template time --set TIMEZONE=a --set TIMEZONE=b", 2, "given twice"],
      ["create server x --set A=b", 2, "--set needs --from-template"],
      ["create server x --from-template filesystem --set FOLDER=notes", 1, "hostPaths"],
    ] as const) {
      const got = await cli(line);
      expect([line, got.code, got.stdout], got.stderr).toEqual([line, code, ""]);
      expect(got.stderr).toContain(message);
    }
  });
});

describe("the templates of the server", () => {
  it("are visible to everybody who is logged in, and to nobody else", async () => {
    const { server } = await withCli();
    await must(
      server.admin("POST", "/api/v1/templates", { name: "own", server: { url: "https://x.example" } }),
    );
    const { call } = await server.user("alice");
    const { body } = await must(call("GET", "/api/v1/templates"));
    expect(body).toHaveLength(builtInTemplates.length);
    expect((await call("GET", "/api/v1/templates/github")).body).toMatchObject({
      builtIn: true,
      owner: null,
    });
    expect((await call("GET", "/api/v1/templates/own")).status).toBe(403);
    expect((await server.as()("GET", "/api/v1/templates")).status).toBe(401);
    expect((await call("POST", "/api/v1/templates", { name: "x", server: {} })).status).toBe(403);
  });

  it("cannot be changed or deleted, and are no part of an export of all", async () => {
    const { cli } = await withCli();
    for (const line of ["patch template github description=x", "delete template github"]) {
      const { code, stderr } = await cli(line);
      expect([code, stderr]).toEqual([1, expect.stringContaining('template "github" comes with mcpctl')]);
    }
    expect((await cli("create template github --field url=https://x.example")).code).toBe(1);
    expect((await cli("get all -o yaml")).stdout).not.toContain("kind: template");
    expect((await cli("get templates -o name")).stdout).toContain("template/github\n");
    const exported = (await cli("get templates -o yaml")).stdout;
    const again = await cli("apply -f -", { stdin: exported });
    expect([again.code, again.stderr]).toEqual([0, ""]);
    expect(again.stdout).not.toMatch(/ (created|configured|failed)$/m);
  });

  it("are brought up to date at a start, and a user's own of a name stays", async () => {
    const folder = temporaryFolder();
    const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
    const row = (name: string, builtIn: boolean): Row => ({
      id: newId("tpl", Date.now()),
      kind: "template",
      scope: "",
      name,
      owner: null,
      visibility: null,
      spec: { description: "old", parameters: [], server: { url: "https://x.example" } },
      status: builtIn ? { builtIn } : {},
      version: 1,
      createdAt: 0,
      updatedAt: 0,
    });
    const [time, github, gone] = [row("time", true), row("github", false), row("gone", true)];
    await store.commit([time, github, gone].map((one) => ({ op: "insert", row: one, refs: [] })));
    const first = await testServer({ folder, store });
    const of = async (name: string) => (await first.admin("GET", `/api/v1/templates/${name}`)).body;
    expect(await of("time")).toMatchObject({ id: time.id, version: 2, builtIn: true });
    expect((await of("time")).server.package).toMatch(/^pypi:mcp-server-time==/);
    expect(await of("github")).toMatchObject({
      id: github.id,
      version: 1,
      description: "old",
      builtIn: false,
    });
    expect((await of("gone")).code).toBe("not_found");
    const before = (await first.admin("GET", "/api/v1/templates")).body;
    await first.stop();
    const second = await testServer({ folder });
    expect((await second.admin("GET", "/api/v1/templates")).body).toEqual(before);
  });
});
