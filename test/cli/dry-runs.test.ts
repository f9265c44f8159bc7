import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allVerbs } from "../support/cli/all-verbs.ts";
import { fakeApi } from "../support/cli/fake-api.ts";
import { cli, newHome } from "../support/cli/run-cli.ts";
import { must, testServer } from "../support/server.ts";

const verbs = await allVerbs();
const dry = [...verbs].filter(([, { args }]) => args["dry-run"] !== undefined).map(([path]) => path);

const llm = (name: string) => ({ name, type: "openai", model: "m", url: "http://127.0.0.1:9/v1" });

/** A server with objects that each verb below could change, and what runs command lines there as the administrator. */
async function setUp() {
  const server = await testServer();
  const make = (kind: string, body: object) => must(server.admin("POST", `/api/v1/${kind}`, body));
  await server.user("alice");
  await make("llms?probe=false", { ...llm("claude"), poolName: "big" });
  await make("llms?probe=false", llm("spare"));
  for (const name of ["files", "notes"])
    await make("servers", { name, transport: "http", url: "http://127.0.0.1:9/mcp" });
  await make("projects", { name: "website" });
  await make("serverattachments", { name: "files", project: "website", server: "files" });
  const subjects = [{ kind: "User", name: "alice" }];
  await make("rbac", { name: "views", subjects, roleBindings: [{ role: "view", resource: "llms" }] });
  const home = newHome();
  writeFileSync(join(home, "new.yaml"), "kind: group\nname: friends\nmembers: [alice]\n");
  const run = (line: string) =>
    cli(line, {
      server: { url: `unix://${server.socketPath}` },
      home,
      env: { EDITOR: "sed -i s/model:.*m$/model:\\ other/", PATH: process.env["PATH"]! },
    });
  return { server, run };
}

/** A command line for each verb with a dry run that would change something, and what its line says. */
const lines: Record<string, [line: string, says: string]> = {
  admit: ["admit spare --pool big", "llm 'claude' admits 'spare' (dry run)"],
  apply: ["apply -f new.yaml", "group 'friends' created (dry run)"],
  "attach-server": [
    "attach-server notes -p website",
    "server 'notes' attached to project 'website' (dry run)",
  ],
  create: ["create group friends --member alice", "group 'friends' created (dry run)"],
  delete: ["delete llm spare", "llm 'spare' deleted (dry run)"],
  "detach-server": [
    "detach-server files -p website",
    "server 'files' detached from project 'website' (dry run)",
  ],
  edit: ["edit llm claude", "llm 'claude' edited (dry run)"],
  grant: [
    "grant alice run llms/claude",
    "run llms/claude: granted to user alice (rbac/alice-run-llms-claude) (dry run)",
  ],
  patch: ["patch llm claude model=third", "llm 'claude' patched (dry run)"],
  revoke: ["revoke alice view llms", "view llms: revoked from user alice (rbac/views) (dry run)"],
};
/** Verbs whose own tests show that a dry run changes nothing: they need more than objects. */
const elsewhere = ["approve", "migrate", "reject", "restore"];

describe("--dry-run", () => {
  it("has a command line for each verb below", () => {
    expect([...Object.keys(lines), ...elsewhere].sort()).toEqual(dry.sort());
  });

  it("changes nothing, and prints what the same command without it then prints", async () => {
    const { server, run } = await setUp();
    const kinds = ["llms", "servers", "projects", "serverattachments", "rbac", "groups"];
    /** The id and version of every object: what a server finds out about one by itself is no change. */
    const all = async () => {
      const lists = await Promise.all(kinds.map((kind) => server.admin("GET", `/api/v1/${kind}`)));
      return lists.map(({ body }) => body.map(({ id, version }: Record<string, unknown>) => [id, version]));
    };
    const events = async () =>
      (await server.admin("GET", "/api/v1/audit?limit=1000")).body.filter(
        ({ action }: { action: string }) => !/^(login|llm\.)/.test(action),
      ).length;
    const before = { objects: await all(), events: await events() };
    for (const [line, says] of Object.values(lines)) {
      const result = await run(`${line} --dry-run`);
      expect(result, line).toMatchObject({ code: 0, stderr: "" });
      expect(result.stdout, line).toBe(`${says}\n`);
    }
    expect({ objects: await all(), events: await events() }).toEqual(before);
    for (const [line, says] of Object.values(lines).toSorted(([a], [b]) => a.localeCompare(b))) {
      if (line.startsWith("create")) continue;
      const { code, stdout } = await run(line);
      expect([code, stdout.replace(/ \(id: .*\)/, "")], line).toEqual([
        0,
        `${says.replace(" (dry run)", "")}\n`,
      ]);
    }
    expect(await all()).not.toEqual(before.objects);
  });

  it("tells what the server would refuse", async () => {
    const { run } = await setUp();
    for (const [line, says] of [
      ["attach-server nosuch -p website", 'server "nosuch" not found'],
      ["detach-server notes -p website", 'server "notes" is not attached'],
      ["grant nobody run llms", 'there is no user "nobody"'],
      ["revoke alice run llms/claude", "no rbac object gives just"],
      ["admit spare --pool nosuch", 'pool "nosuch" not found'],
    ] as const) {
      const { code, stdout, stderr } = await run(`${line} --dry-run`);
      expect([code, stdout], line).toEqual([3, ""]);
      expect(stderr, line).toContain(says);
    }
  });

  it.each([...verbs.keys()].filter((path) => !dry.includes(path)))(
    "of %s, which has none, is refused, and nothing is done",
    async (path) => {
      const server = fakeApi({});
      const { code, stdout, stderr } = await cli([...path.split(" "), "--dry-run"], { server });
      expect([code, stdout, server.requests]).toEqual([2, "", []]);
      expect(stderr).toMatch(/^error: .*--dry-run.*\nhint: .*nothing was done/);
    },
  );
});
