import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { dataFormats, typedFormats } from "../../src/cli/output/format.ts";
import { allVerbs } from "../support/cli/all-verbs.ts";
import { fakeApi, rows } from "../support/cli/fake-api.ts";
import { hostileAnswers } from "../support/cli/hostile-server.ts";
import { cli, newHome } from "../support/cli/run-cli.ts";

const verbs = await allVerbs();
const printing = [...verbs].filter(([, { output }]) => output !== undefined);

/** Reads the output of a format. Throws, or fails, if it is something else. */
const readers = {
  json: (text: string) => JSON.parse(text) as unknown,
  yaml: (text: string) => expect(parseAllDocuments(text).flatMap(({ errors }) => errors)).toEqual([]),
  name: (text: string) => expect(text).toMatch(/^([a-z]+\/[\w-]+\n)+$/),
};

const [request] = rows("promptrequest", { name: "one", project: "one" });
const [binding] = rows("rbac", {
  name: "text-run-llms",
  subjects: [{ kind: "User", name: "text" }],
  roleBindings: [{ role: "run", resource: "llms" }],
});

/** A server with one object of each kind, called "one". */
const plainServer = () =>
  fakeApi({
    ...hostileAnswers("text"),
    "PUT /api/v1/servers/one/authorization": hostileAnswers("text")["GET /api/v1/servers/one"],
    "DELETE /api/v1/servers/one/authorization": undefined,
    [`POST /api/v1/promptrequests/${request!.id}/reject`]: {},
    "GET /api/v1/promptrequests/one": request,
    "GET /api/v1/rbac": [binding],
    [`DELETE /api/v1/rbac/${binding!.id}`]: undefined,
  });

/** A command line for each verb that prints data, except those of `elsewhere`. */
const lines: Record<string, string> = {
  "agent discover": "agent discover",
  admit: "admit two --pool text",
  apply: "apply -f one.yaml",
  approve: "approve server one --yes",
  "attach-server": "attach-server one -p one",
  audit: "audit",
  "auth can-i": "auth can-i --list",
  authorize: "authorize server one --data k=v",
  chat: "chat one -m hi",
  "chat-llm": "chat-llm one -m hi --direct",
  "config get-contexts": "config get-contexts",
  "config view": "config view",
  create: "create llm one --type openai --model m",
  deauthorize: "deauthorize server one",
  delete: "delete llm one",
  "detach-server": "detach-server one -p one",
  doctor: "doctor",
  edit: "edit group one",
  explain: "explain llm",
  get: "get llms",
  grant: "grant alice run llms/one",
  migrate: "migrate secrets --from one --to two",
  patch: "patch llm one model=m",
  reject: "reject promptrequest one -p one",
  revoke: "revoke text run llms",
  rotate: "rotate token one",
  status: "status",
  "test llm": "test llm one",
  "test mcp": "test mcp -p one",
  version: "version",
  wait: "wait llm/one --for=name=one",
  whoami: "whoami",
};

/** Verbs whose data need more than a server, and whose own tests read them. */
const elsewhere = [
  "agent publish",
  "agent unpublish",
  "backup",
  "cache",
  "console",
  "logs",
  "provider",
  "restore",
  "test gate",
];

describe("-o", () => {
  it.each([...verbs])(
    "of %s takes what the verb declares, and nothing else",
    async (path, { output = [] }) => {
      const server = plainServer();
      for (const format of [...dataFormats.filter((one) => !output.includes(one)), "jsom", ""]) {
        const typed = format === "jsonpath" || format === "custom-columns" ? `${format}=.x:.y` : format;
        const result = await cli([...path.split(" "), "-o", typed], { server });
        expect(result, `${path} -o ${typed}`).toMatchObject({ code: 2, stdout: "" });
        expect(result.stderr, path).toContain(
          output.length === 0 ? `mcpctl ${path} prints text only` : format,
        );
        expect(result.stderr, path).toMatch(output.length === 0 ? /no -o\nhint: / : /\nhint: (formats|did)/);
      }
      expect(server.requests, path).toEqual([]);
    },
  );

  it.each([...verbs])("is in the help of %s as the verb declares it", async (path, { output }) => {
    const { stdout } = await cli([...path.split(" "), "--help"]);
    if (output) expect(stdout).toContain(`\nOutput formats:  -o ${typedFormats(output).join("|")}\n`);
    else expect(stdout).not.toContain("--output");
  });

  it("is in the documentation as the verbs declare it", () => {
    const page = readFileSync("docs/command-line.md", "utf8");
    const documented = new Map<string, string>();
    for (const [, formats, names] of page.matchAll(
      /^\| ((?:`[a-z=…-]+`(?:, )?)+) \| ((?:`[a-z -]+`(?:, )?)+) \|$/gim,
    ))
      for (const name of names!.split(", "))
        documented.set(name.replaceAll("`", ""), formats!.replaceAll("`", ""));
    const declared = printing.map(([path, { output }]) => [path, typedFormats(output!).join(", ")] as const);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(declared));
  });

  it("has a command line for each verb below", () => {
    const known = [...Object.keys(lines), ...elsewhere];
    expect(known.sort()).toEqual(printing.map(([path]) => path).sort());
  });

  it.each(Object.entries(lines))(
    "of %s prints each format as data, and nothing else on stdout",
    async (path, line) => {
      for (const format of verbs.get(path)!.output!.filter((one) => one in readers)) {
        const home = newHome();
        writeFileSync(join(home, "one.yaml"), "kind: llm\nname: one\ntype: openai\nmodel: m\n");
        const env = {
          MCPCTL_TOKEN: "secret-token",
          EDITOR: "sed -i s/text/other/",
          PATH: process.env["PATH"]!,
        };
        const words = [...line.split(" "), "-o", format];
        const { stdout, stderr } = await cli(words, { env, home, server: plainServer() });
        expect(stdout, `${words.join(" ")}: ${stderr}`).not.toBe("");
        readers[format as keyof typeof readers](stdout);
      }
    },
  );
});
