import { chmodSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commands } from "../../src/commands.ts";
import { fakeApi } from "../support/cli/fake-api.ts";
import { forbidden, hostileAnswers, hostileServer, hostileText } from "../support/cli/hostile-server.ts";
import { type CliOptions, cli } from "../support/cli/run-cli.ts";

/** A folder in which the home, the temporary folder and the working folder of a command line stand. */
let root: string;
let temporary: string | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mcpctl-hostile-"));
  for (const name of ["home", "tmp"]) mkdirSync(join(root, name), { mode: 0o700 });
  writeFileSync(join(root, "home/editor"), '#!/bin/sh\nsed -i "s/^description:.*/description: new/" "$1"\n');
  chmodSync(join(root, "home/editor"), 0o755);
  writeFileSync(join(root, "home/one.yaml"), "kind: llm\nname: one\ntype: openai\nmodel: m\n");
  temporary = process.env["TMPDIR"];
  process.env["TMPDIR"] = join(root, "tmp");
});
afterEach(() => {
  if (temporary === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = temporary;
});

/** Every verb that talks to a server, with what it is given. */
const lines: [line: string, options?: CliOptions][] = [
  ["get llms"],
  ["get llms -o wide"],
  ["get llms -o name"],
  ["get llms -o json"],
  ["get llms -o yaml"],
  ["get llm one -o jsonpath={.id}"],
  ["get llms --sort-by .unknown"],
  ["get all"],
  ["get gadgets"],
  ["get gadget one -o yaml"],
  ["get usage"],
  ["get usage -o json"],
  ["get threads"],
  ["get thread thr_01k8xyz0000000000000000000 -o yaml"],
  ["get threads -o name"],
  ["get workstations"],
  ["get workstations -o wide"],
  ["get workstations -o name"],
  ["get tasks"],
  ["get tasks -o wide"],
  ["get tasks -o name"],
  ["get tasks -w"],
  ["get task tsk_01k8xyz0000000000000000000 -o yaml"],
  ["describe task tsk_01k8xyz0000000000000000000"],
  ["wait task/tsk_01k8xyz0000000000000000000 --timeout 30ms"],
  ["delete task tsk_01k8xyz0000000000000000000"],
  ["delete tasks --all"],
  ["logs task/tsk_01k8xyz0000000000000000000"],
  ["logs task/tsk_01k8xyz0000000000000000000 -f"],
  ["get prices"],
  ["get prices --llm claude"],
  ["get usage -o yaml"],
  ["get llms -w"],
  ["get llms -w -o yaml"],
  ["describe llm one"],
  ["describe secretbackend one"],
  ["describe project one"],
  ["describe token one"],
  ["describe gadget one"],
  ["explain llm"],
  ["status"],
  ["ui --no-open"],
  ["status -o json"],
  ["whoami"],
  ["whoami -o json"],
  ["version"],
  ["version -o json"],
  ["wait llm/one --for=status=active --timeout 30ms"],
  ["wait llm/one --for=extraConfig=x --timeout 30ms"],
  ["audit"],
  ["audit -o wide"],
  ["audit -o yaml"],
  ["audit -w"],
  ["doctor"],
  ["doctor -o json"],
  ["chat one -m hi", { answers: [] }],
  ["chat one -m hi -o json"],
  ["chat one -m hi --thread new", { answers: [] }],
  ["chat one", { answers: ["hello", "/thread thr_1", "/save t.md", "/thread"] }],
  ["chat-llm one -m hi --direct", { answers: [] }],
  ["chat-llm one -m hi --direct -o json"],
  ["chat-llm one -m hi --async"],
  ["chat-llm one -m hi --async -o json"],
  ["create llm one --type openai --model m --force"],
  ["create token one"],
  ["create token one -o yaml"],
  ["create secretbackend one --type openbao --url http://bao:8200 --wizard", { answers: ["admin-token"] }],
  ["apply -f one.yaml"],
  ["apply -f one.yaml -o json"],
  ["diff -f one.yaml"],
  ["edit llm one"],
  ["patch llm one model=m"],
  ["delete llm one"],
  ["delete llms --all", { answers: ["y"] }],
  ["migrate secrets --from one --to two"],
  ["migrate secrets --from one --to two -o json"],
  ["rotate secretbackend one"],
  ["rotate master-key"],
  ["rotate token one"],
  ["grant alice run llms/one"],
  ["grant alice run llms -o json"],
  ["revoke alice run llms/one"],
  ["auth can-i --list"],
  ["auth can-i --list --as alice -o json"],
  ["describe user one"],
  ["login --user alice --password-stdin", { stdin: "secret-word" }],
  ["logout"],
  ["passwd --password-stdin", { stdin: "a\nb" }],
  ["admit one --pool one"],
  ["attach-server one -p one"],
  ["attach-server one -p one -o yaml"],
  ["detach-server one -p one"],
  ["test llm one"],
  ["test mcp -p one"],
  ["get tools -p one"],
  ["get tools -p one -o wide"],
  ["get tools -p one -o name"],
  ["get tools -p one -o yaml"],
  ["logs one"],
  ["logs one -o json"],
  ["get servers -o wide"],
  ["describe server one"],
  ["describe template one"],
  ["create server one --from-template one", { answers: ["a", "b", "c", "d"] }],
  ["approve server one", { answers: ["y"] }],
  ["reject promptrequest one -p one"],
  ["approve server one --yes -o yaml"],
  ["auth can-i run llms/one"],
  ["config impersonate one"],
  ["connect claude --llm one"],
  ["connect claude -p one"],
  ["connect curl --llm one"],
  ["connect claude --remove"],
  ["connect aider --llm one"],
  ["connect sdk-python --llm one"],
  ["run --llm one -- true"],
  ["init --type openai --model m --key-stdin --client claude", { stdin: "secret-word" }],
  ["authorize server one"],
  ["authorize server one --data k=v"],
  ["deauthorize server one"],
  ["cache list"],
  ["cache list -o json"],
  ["cache clear"],
  ["console one --traffic"],
  ["backup"],
  ["backup -"],
  ["restore one.yaml"],
  ["config view"],
  ["config get-contexts"],
  ["provider"],
  ["completion bash"],
  ["__complete -- get llm "],
  ["__complete -- get llms "],
];

/** Milliseconds in which a command line ends by itself on any machine. */
const ample = 60_000;

/** Runs a command line, and presses Ctrl-C after some time: a watch has no other end. */
async function run(line: string, options: CliOptions, server: { url: string }, until = 300) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), until);
  const home = join(root, "home");
  const env = { MCPCTL_TOKEN: "secret-token", EDITOR: join(home, "editor"), PATH: process.env["PATH"]! };
  const result = await cli(
    line
      .replace(/ $/, "")
      .split(" ")
      .concat(line.endsWith(" ") ? [""] : []),
    {
      ...options,
      server,
      home,
      env,
      signal: stop.signal,
    },
  );
  clearTimeout(timer);
  return result;
}

type Result = Awaited<ReturnType<typeof run>>;

function expectHarmless(line: string, { stdout, stderr, prompts }: Result): void {
  for (const text of [stdout, stderr, ...prompts]) {
    expect(text.replaceAll("\r\n", "\n"), line).not.toMatch(forbidden);
    expect(text, line).not.toContain("secret-token");
    // No line of the server's making begins at the left, but those of an answer.
    if (!line.startsWith("chat")) expect(text, line).not.toMatch(/^error: fake/m);
  }
  expect(stderr, line).not.toContain("defect");
  expect(stderr, line).not.toMatch(/^ {4}at /m);
  expect(readdirSync(root).sort(), line).toEqual(["home", "tmp"]);
}

describe("a hostile server (T109)", () => {
  it("is met by every verb", () => {
    // `mcp` prints what the server sends to the program that has started it, and not on a terminal.
    const own = ["agent", "server", "help", "internal", "mcp", "upgrade"];
    const tested = new Set(lines.map(([line]) => line.split(" ")[0]));
    expect(Object.keys(commands).filter((verb) => !tested.has(verb) && !own.includes(verb))).toEqual([]);
  });

  it.each(lines)(
    "whose every text is hostile changes nothing on the terminal: %s",
    async (line, options = {}) => {
      // An editor that is interrupted keeps no file.
      const result = await run(line, options, hostileServer(), line.startsWith("edit") ? ample : 300);
      expectHarmless(line, result);
      const files = readdirSync(join(root, "tmp"));
      // A refused text from the editor is kept, and the error says where.
      if (line.startsWith("edit") && result.code !== 0)
        expect(result.stderr).toContain(join(root, "tmp", files[0]!));
      else expect(files, line).toEqual([]);
    },
  );

  it.each([
    ["x/../../../tmp/y", "a name that leads out of a folder"],
    [hostileText, "a name that is no name"],
    ["$(id)", "a name that a shell expands"],
    [5, "a number as a name"],
  ] as [unknown, string][])("that sends %j, %s, is refused, and no file is written", async (name) => {
    const answers = hostileAnswers("text");
    const object = { ...(answers["GET /api/v1/llms/one"] as object), name };
    answers["GET /api/v1/llms/one"] = object;
    answers["GET /api/v1/llms"] = [object];
    const server = fakeApi(answers);
    for (const line of [
      "edit llm one",
      "get llms",
      "get llm one -o name",
      "describe llm one",
      "patch llm one model=m",
    ]) {
      const result = await run(line, {}, server, ample);
      expectHarmless(line, result);
      expect(result, line).toMatchObject({ code: 1, stdout: "" });
      expect(result.stderr, line).toMatch(/^error: unexpected answer from the server: (\/0)?\/name is no/);
    }
    expect(server.requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
    expect((await run("__complete -- get llm ", {}, server)).stdout).toBe("");
    expect(readdirSync(join(root, "tmp"))).toEqual([]);
  });
});

const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
const malformed: Record<string, () => Response> = {
  null: () => Response.json(null),
  "a list of null": () => Response.json([null]),
  "an empty object": () => Response.json({}),
  "a text": () => Response.json("x"),
  "a page": () => new Response("<h1>\u001b[2J</h1>"),
  "no content": () => new Response(null, { status: 204 }),
  "deep nesting": () => new Response(deep),
  "more values than an answer has": () => new Response(`[${"{},".repeat(4_100_000)}{}]`),
  "wrong types everywhere": () => Response.json([{ id: {}, name: [], version: "x", toString: 1 }]),
  "a redirect": () =>
    new Response(null, { status: 302, headers: { location: "http://elsewhere.example/x" } }),
  "an error with malformed details": () =>
    Response.json(
      { error: hostileText, code: "conflict", hint: { a: 1 }, details: { a: 1 } },
      { status: 409 },
    ),
  "an error whose details are no faults": () =>
    Response.json(
      { error: "x", code: 5, hint: hostileText, details: [null, 5, { path: {} }] },
      { status: 400 },
    ),
  "an error with a code of the command line": () =>
    Response.json({ error: "be quiet", code: "interrupted" }, { status: 400 }),
  "an error that is a page": () => new Response(`<h1>${hostileText}</h1>`.repeat(5_000), { status: 502 }),
};

describe("a server that answers with something else (T109)", () => {
  it.each(Object.keys(malformed))("%s: every verb ends with an error and without a trace", async (name) => {
    const heavy = name.startsWith("more values");
    const server = fakeApi(
      Object.fromEntries(Object.keys(hostileAnswers()).map((route) => [route, () => malformed[name]!()])),
    );
    for (const [line, options = {}] of lines) {
      if (heavy) continue;
      expectHarmless(line, await run(line, options, server, /-w/.test(line) ? 10 : 300));
    }
    const { code, stderr, stdout } = await run("get llms", {}, server, ample);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: /);
    expect(readdirSync(join(root, "tmp"))).toEqual([]);
  });
});
