import { describe, expect, it } from "vitest";
import type { CommandVerb } from "../../src/cli/core/command.ts";
import { kinds } from "../../src/kinds/index.ts";
import { backendTypes } from "../../src/kinds/secret-backends/index.ts";
import { allVerbs } from "../support/cli/all-verbs.ts";
import { fakeApi } from "../support/cli/fake-api.ts";
import { cli, newHome } from "../support/cli/run-cli.ts";
import { must, testServer } from "../support/server.ts";

const verbs = await allVerbs();

/** The words of a verb, with one for each positional that must be given. */
function wordsFor(path: string, { args }: CommandVerb): string[] {
  const needed = Object.values(args).filter((arg) => arg.type === "positional" && arg.required !== false);
  return [...path.split(" "), ...needed.map(({ options }) => options?.[0] ?? "x")];
}

describe("an empty value, as of a variable that a script has not set", () => {
  it.each([...verbs])(
    "is refused by %s before anything is done, for each flag and word",
    async (path, verb) => {
      const server = fakeApi({});
      for (const [name, arg] of Object.entries(verb.args)) {
        if (arg.type === "boolean" || arg.empty || arg.hidden) continue;
        const line =
          arg.type === "positional"
            ? [
                ...wordsFor(path, verb).slice(
                  0,
                  path.split(" ").length + Object.keys(verb.args).indexOf(name),
                ),
                "",
              ]
            : [...wordsFor(path, verb), `--${name}`, ""];
        const { code, stdout, stderr } = await cli(line, { server });
        expect([code, stdout], line.join(" ")).toEqual([2, ""]);
        expect(stderr, line.join(" ")).toMatch(/^error: (\S[^:]* is empty\n|\S+ must be |unknown kind ")/);
      }
      expect(server.requests).toEqual([]);
    },
  );

  it("is refused for the flags of all verbs", async () => {
    for (const flag of ["--server", "--token-file", "--context", "-p"]) {
      const { code, stderr } = await cli(["get", "llms", flag, ""]);
      expect([code, stderr]).toEqual([
        2,
        `error: ${flag} is empty\nhint: if it comes from a variable, set that variable, or leave out ${flag}\n`,
      ]);
    }
  });

  it("is refused as an argument too many", async () => {
    const { code, stderr } = await cli(["status", ""]);
    expect([code, stderr]).toEqual([
      2,
      "error: an argument too many is empty\nhint: if it comes from a variable, set that variable, or leave the argument out\n",
    ]);
  });

  it("is a value where a field takes it, and where it is a word for another program", async () => {
    const server = await testServer();
    const at = { server: { url: `unix://${server.socketPath}` } };
    expect(await cli(["create", "project", "p", "--description", ""], at)).toMatchObject({ code: 0 });
  });
});

describe("a word too many or too few", () => {
  it.each([
    [
      "attach-server website files",
      'unexpected argument "files"',
      "write: mcpctl attach-server NAME -p PROJECT",
    ],
    ["grant alice run", "KIND[/NAME] is missing", "write: mcpctl grant USER|group:NAME|token:NAME ROLE KIND"],
    ["create llm a b --type openai", 'unexpected argument "b"', "write: mcpctl create llm NAME"],
    ["logs", "NAME is missing", "write: mcpctl logs NAME"],
  ])("in %j is answered with the usage", async (line, says, hint) => {
    const { code, stderr } = await cli(line);
    expect(code).toBe(2);
    expect(stderr).toContain(`error: ${says}\nhint: ${hint}`);
    expect(stderr).toMatch(/; for help: mcpctl [a-z -]+ --help\n$/);
  });
});

describe("a mistake in a value", () => {
  it("is told in words, with the flag as it was typed", async () => {
    const server = await testServer();
    await server.user("alice");
    const llm = { type: "openai", model: "m", url: "http://127.0.0.1:9/v1" };
    for (const one of [{ name: "claude", poolName: "big" }, { name: "spare" }])
      await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, ...one }));
    const home = newHome();
    for (const [line, expected, says] of [
      ["create rbac r --subject User:alice --bind role:run,resource:llmsx", 1, "--bind: unknown resource"],
      ["create rbac r --subject alice", 2, '--subject: "alice" is not a subject'],
      ["create rbac r --subject User:alice --bind 17", 2, '--bind: "17" is not a part of a grant'],
      ["create project p --server nosuch", 1, '--server: there is no server "nosuch"'],
      ["create project p --mcp-server nosuch", 1, '--mcp-server: there is no server "nosuch"'],
      ["create token t --expires-at soon", 2, '--expires-at: "soon" is not a time'],
      ["create token t --limit nosuch=5", 2, "--limit nosuch: unknown field; known are requestsPerMinute, "],
      [
        "create token t --limit tokensPerDy=5",
        2,
        '--limit tokensPerDy: unknown field; did you mean "tokensPerDay"?',
      ],
      ["create secret s --data bad!=x", 2, "--data bad!: the key must have letters, digits, _, . and - only"],
      [
        "create llm l --type openai --model m --pool-name A_B",
        2,
        "--pool-name must be a name: lower-case letters",
      ],
      ["create template t", 2, "--server-field is required"],
      ["admit spar --pool big --dry-run", 0, 'you see no llm "spar" now; did you mean "spare"?'],
      ["admit spare --pool bik", 3, 'did you mean "big"?'],
      ["config impersonate alicex", 3, 'user "alicex" not found\nhint: did you mean "alice"?'],
      ["login --ca-cert nosuch.pem --user alice --password-stdin", 1, "nosuch.pem: it does not exist"],
      ["login", 2, "--user is missing"],
      ["passwd", 2, "--password-stdin is missing"],
      ["init --type ollama --model m", 2, "for example --provider-url http://127.0.0.1:11434/v1"],
      ["init --type ollama --model m --provider-url foo", 2, '--provider-url: "foo" is not a URL'],
      ["test mcp http://127.0.0.1:9/mcp -p website", 2, "give a URL or -p PROJECT, not both"],
      ["agent publish m --as A_B", 2, '"A_B" is not a name: names have lower-case letters'],
    ] as const) {
      const { code, stderr } = await cli(line, { server: { url: `unix://${server.socketPath}` }, home });
      expect([code, stderr], line).toEqual([expected, expect.stringContaining(says)]);
      expect(stderr, line).not.toMatch(/\^\[|\{0,/);
    }
  });

  it("names the flag, and the value that it may have", async () => {
    const server = await testServer();
    const at = { server: { url: `unix://${server.socketPath}` } };
    const llm = "--type openai --model m --url http://127.0.0.1:9 --skip-auth-check";
    expect(await cli(`create llm taken ${llm}`, at)).toMatchObject({ code: 0 });
    const [alias, name] = [`create llm other ${llm} --alias taken`, `create llm taken ${llm}`];
    for (const [line, expected, says] of [
      [alias, 1, 'error: "taken" is the name of an llm, which gets its calls\n'],
      [name, 1, 'error: llm "taken" exists already\nhint: to update it, add --force'],
      ["create secretbackend b --type openbao", 1, "invalid secretbackend: --url: is required"],
      ["create llm b --type openai --model m --quirks {", 2, "--quirks is not JSON"],
      ["create llm b --type openai --model m --alias a --alias \\", 2, "--alias #2 must be printable ASCII"],
      ["create token t --bind role:view", 2, "--bind resource is required"],
      [
        'create proxymodel p --stages [{"type":"truncat"}]',
        2,
        '--stages 0.type must be one of "passthrough"',
      ],
      [
        "create prompt p -p web --content a --content-file b",
        2,
        "--content and --content-file exclude each other",
      ],
      ["create serverattachment a", 2, "-p PROJECT is required"],
      ["run --llm taken --ttl 0 -- /bin/sh", 2, "--ttl must be more than 0"],
      ["connect codex --llm taken --ttl 0 --print", 2, "--ttl must be more than 0"],
    ] as const) {
      const { code, stderr } = await cli(line, at);
      expect([code, stderr], line).toEqual([expected, expect.stringContaining(says)]);
    }
  });

  it("has no pattern in its text: each pattern of a kind has words", () => {
    const without: string[] = [];
    const walk = (schema: unknown, path: string) => {
      if (typeof schema !== "object" || schema === null) return;
      const {
        pattern,
        patternProperties,
        "x-message": words,
        "x-key-message": ofKeys,
        ...inner
      } = schema as Record<string, unknown>;
      if (typeof pattern === "string" && words === undefined) without.push(path);
      const [keys] = Object.keys(patternProperties ?? {});
      if (keys !== undefined && keys !== "^(.*)$" && ofKeys === undefined) without.push(path);
      for (const [key, value] of Object.entries({ ...inner, ...(patternProperties as object) }))
        walk(value, `${path}/${key}`);
    };
    for (const { kind, fields } of kinds) walk(fields, kind);
    for (const { name, config } of backendTypes) walk(config, name);
    expect(without).toEqual([]);
  });
});
