import { describe, expect, it } from "vitest";
import { ApiClient } from "../../../src/cli/client/client.ts";
import { type MigrationArguments, migrateSecrets } from "../../../src/cli/cmd/migrate/migration.ts";
import { runMain } from "../../../src/cli/core/run.ts";
import { commands } from "../../../src/commands.ts";
import { type FakeApi, failure, fakeApi } from "../../support/cli/fake-api.ts";
import { fakeTerminal, flags } from "../../support/cli/fake-terminal.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const path = "POST /api/v1/secrets/migrate";
const line = "migrate secrets --from default --to bao";

function counts(some: object = {}) {
  return { summary: { migrated: 0, skipped: 0, planned: 0, failed: 0, ...some } };
}

const three = [
  { total: 3 },
  { name: "openai", result: "migrated" },
  { name: "x", result: "skipped", reason: "already on bao" },
  { name: "anthropic", result: "migrated" },
  counts({ migrated: 2, skipped: 1 }),
];

const lines = (values: readonly object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");

/** A server that responds with these lines. */
function respondingWith(values: readonly object[]): FakeApi {
  return fakeApi({ [path]: () => new Response(lines(values)) });
}

/** Runs a migration and calls `then` when the result of the first secret is printed. */
async function runUntil(url: string, then: () => void, signal = new AbortController().signal) {
  const at = fakeTerminal();
  at.out = (text) => {
    at.stdout += text;
    then();
  };
  const code = await runMain(line.split(" "), commands, {
    terminal: at,
    env: { MCPCTL_HOME: newHome(), MCPCTL_SERVER: url },
    cwd: "/",
    signal,
  });
  return { code, stdout: at.stdout, stderr: at.stderr };
}

describe("migrate secrets", () => {
  it("prints the result of each secret", async () => {
    const accepted: (string | null)[] = [];
    const server = fakeApi({
      [path]: (request: Request) => {
        accepted.push(request.headers.get("accept"));
        return new Response(lines(three));
      },
    });
    const outcome = await cli(line, { server });
    expect(outcome).toMatchObject({
      code: 0,
      stdout: "secret 'openai' migrated\nsecret 'x' skipped (already on bao)\nsecret 'anthropic' migrated\n",
      stderr: "",
    });
    expect(server.bodies).toEqual([{ from: "default", to: "bao" }]);
    expect(accepted).toEqual(["application/x-ndjson"]);
  });

  it.each([
    ["--names a,b --names b", { names: ["a", "b"] }],
    ["--keep-source", { keepSource: true }],
    ["--dry-run", { dryRun: true }],
  ])("sends %s", async (flag, body) => {
    const server = respondingWith([{ total: 0 }, counts()]);
    expect((await cli(`${line} ${flag}`, { server })).code).toBe(0);
    expect(server.bodies).toEqual([{ from: "default", to: "bao", ...body }]);
  });

  it("prints the expected results of a dry run, and reports an empty backend", async () => {
    const planned = [
      { total: 2 },
      { name: "a", result: "planned" },
      { name: "b", result: "skipped", reason: "already on bao" },
      counts({ planned: 1, skipped: 1 }),
    ];
    expect(await cli(`${line} --dry-run`, { server: respondingWith(planned) })).toMatchObject({
      code: 0,
      stdout: "secret 'a' migrated (dry run)\nsecret 'b' skipped (dry run: already on bao)\n",
      stderr: "",
    });
    expect(await cli(line, { server: respondingWith([{ total: 0 }, counts()]) })).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "No secrets on 'default'.\n",
    });
  });

  it("prints the reason of a failure, continues and exits with 1", async () => {
    const server = respondingWith([
      { total: 2 },
      { name: "y", result: "failed", reason: "bao is sealed\u001b[2J" },
      { name: "z", result: "migrated" },
      counts({ migrated: 1, failed: 1 }),
    ]);
    expect(await cli(line, { server })).toMatchObject({
      code: 1,
      stdout: "secret 'y' failed\nsecret 'z' migrated\n",
      stderr:
        "error: secret 'y': bao is sealed\\e[2J\nhint: run the command again: secrets that are done are skipped\n",
    });
  });

  it("warns about a copy that could not be deleted", async () => {
    const left = "a copy on default could not be deleted: the backend did not answer";
    const server = respondingWith([
      { total: 1 },
      { name: "a", result: "migrated", left },
      counts({ migrated: 1 }),
    ]);
    expect(await cli(line, { server })).toMatchObject({
      code: 0,
      stdout: "secret 'a' migrated\n",
      stderr: `warning: secret 'a': ${left}\n`,
    });
  });

  it("prints one JSON object and nothing else with -o json", async () => {
    const server = respondingWith(three);
    const { code, stdout, stderr } = await cli(`${line} -o json`, { server });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      from: "default",
      to: "bao",
      results: three.slice(1, 4),
      summary: { migrated: 2, skipped: 1, planned: 0, failed: 0 },
    });

    const failing = respondingWith([
      { total: 1 },
      { name: "y", result: "failed", reason: "sealed" },
      counts({ failed: 1 }),
    ]);
    const failed = await cli(`${line} -o json`, { server: failing });
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({
      results: [{ reason: "sealed" }],
      summary: { failed: 1 },
    });
    expect(failed.stderr).toContain("error: secret 'y': sealed\n");
  });

  it("prints the server's refusal before the migration begins", async () => {
    for (const [status, code, exit] of [
      [403, "forbidden", 4],
      [404, "not_found", 3],
      [400, "invalid_request", 1],
    ] as const) {
      const server = fakeApi({ [path]: () => failure(status, code, "no") });
      expect(await cli(`${line} -o json`, { server })).toMatchObject({
        code: exit,
        stdout: "",
        stderr: "error: no\n",
      });
    }
  });
});

describe("the response stream of a migration", () => {
  const gone = "error: the connection to the server was lost; run the command again to continue\n";

  it.each([
    ["before anything", ""],
    ["between two lines", lines(three.slice(0, 2))],
    ["within a line", `${lines(three.slice(0, 2))}{"name":"x","resu`],
    ["before the summary", lines(three.slice(0, 4))],
  ])("is a failure if it ends %s", async (_, text) => {
    const server = fakeApi({ [path]: () => new Response(text) });
    const { code, stderr } = await cli(line, { server });
    expect({ code, stderr }).toEqual({ code: 1, stderr: gone });
  });

  it("is a failure if the connection is cut", async () => {
    const answer = lines(three.slice(0, 2));
    let tear = () => {};
    const torn = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          tear = () => socket.terminate();
          const chunk = `${answer.length.toString(16)}\r\n${answer}\r\n`;
          socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`);
        },
      },
    });
    const outcome = await runUntil(`http://127.0.0.1:${torn.port}`, () => tear());
    torn.stop(true);
    expect(outcome).toEqual({ code: 1, stdout: "secret 'openai' migrated\n", stderr: gone });
  });

  it("that ends too early still gives the results so far as JSON", async () => {
    const server = respondingWith(three.slice(0, 2));
    const { code, stdout, stderr } = await cli(`${line} -o json`, { server });
    expect({ code, stderr }).toEqual({ code: 1, stderr: gone });
    expect(JSON.parse(stdout)).toEqual({ from: "default", to: "bao", results: [three[1]], summary: null });
  });

  it("may be split anywhere, also within a character", async () => {
    const bytes = new TextEncoder().encode(
      lines([{ total: 1 }, { name: "a", result: "failed", reason: "öäü → 世界" }, counts({ failed: 1 })]),
    );
    const server = fakeApi({
      [path]: () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              for (const byte of bytes) {
                controller.enqueue(Uint8Array.of(byte));
                await Promise.resolve();
              }
              controller.close();
            },
          }),
        ),
    });
    const { code, stderr } = await cli(line, { server });
    expect(code).toBe(1);
    expect(stderr).toContain("error: secret 'a': öäü → 世界\n");
  });

  it("needs no line break after the summary", async () => {
    const server = fakeApi({ [path]: () => new Response(lines(three).trimEnd()) });
    expect((await cli(line, { server })).code).toBe(0);
  });

  it("that is not JSON is reported and not printed", async () => {
    const server = fakeApi({ [path]: () => new Response("<html>\nhunter2\n</html>\n") });
    const { code, stdout, stderr } = await cli(`${line} -v`, { server });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("error: unexpected answer from the server: it is not JSON\n");
    expect(stderr).not.toContain("hunter2");
  });
});

describe("Ctrl-C during a migration", () => {
  it("exits with 130 and closes the connection; a second run finishes the migration", async () => {
    const cancelled = Promise.withResolvers<void>();
    let runs = 0;
    const server = fakeApi({
      [path]: () =>
        runs++ > 0
          ? new Response(lines(three))
          : new Response(
              new ReadableStream({
                start: (controller) => controller.enqueue(lines(three.slice(0, 2))),
                cancel: () => cancelled.resolve(),
              }),
            ),
    });
    const interrupt = new AbortController();
    const outcome = await runUntil(server.url, () => interrupt.abort(), interrupt.signal);
    expect(outcome).toEqual({ code: 130, stdout: "secret 'openai' migrated\n", stderr: "" });
    await cancelled.promise;
    expect((await cli(line, { server })).code).toBe(0);
  });
});

describe("the progress line", () => {
  /** Runs on a terminal. A second passes once the results of `wanted` secrets are printed. */
  async function runWithProgress(values: readonly object[], wanted: number) {
    const at = fakeTerminal({ answers: [] });
    let screen = "";
    let pass = () => {};
    let results = 0;
    at.err = (text) => {
      screen += text;
    };
    at.out = (text) => {
      screen += text;
      if (++results === wanted) pass();
    };
    const migration: MigrationArguments = { from: "default", to: "bao" };
    const server = respondingWith(values);
    const context = {
      terminal: at,
      env: {},
      cwd: "/",
      home: "/nowhere",
      flags,
      now: () => 0,
      signal: new AbortController().signal,
      client: async () => new ApiClient({ url: server.url }),
    };
    const code = await migrateSecrets(migration, context, (_, act) => {
      pass = act;
      return () => {};
    });
    return { code, screen };
  }

  const of = (n: number) => `\rmigrating ${n} of 3`;
  const erased = `\r${" ".repeat(16)}\r`;

  it("is below the results on a terminal if the migration takes long", async () => {
    const { code, screen } = await runWithProgress(three, 1);
    expect(code).toBe(0);
    expect(screen).toBe(
      `secret 'openai' migrated\n${of(1)}${of(2).padEnd(17)}${erased}` +
        `secret 'x' skipped (already on bao)\n${of(3).padEnd(16)}${erased}` +
        `secret 'anthropic' migrated\n${of(3)}${erased}`,
    );
  });

  it("is not shown if the migration is quick", async () => {
    const { screen } = await runWithProgress(three, 99);
    expect(screen).not.toContain("\r");
    expect(screen).not.toContain("migrating");
  });
});

describe("a usage error of migrate", () => {
  const only = "write: mcpctl migrate secrets --from BACKEND --to BACKEND";
  it.each([
    ["migrate", 'the word "secrets" is missing', only],
    ["migrate foo", '"foo" cannot be migrated', only],
    ["migrate llms --from a --to b", '"llms" cannot be migrated', only],
    ["migrate secrets", "--from is missing", "mcpctl migrate --help"],
    ["migrate secrets --from a", "--to is missing", "mcpctl migrate --help"],
    [`${line} --names a,,b`, "--names contains an empty name", ""],
    [`${line} --name a`, "unknown flag --name", "did you mean --names?"],
    [`${line} more`, 'unexpected argument "more"', ""],
    [`${line} -o yaml`, "mcpctl migrate does not print yaml", "formats: json"],
  ])("%s", async (words, message, hint) => {
    const server = fakeApi({});
    const { code, stdout, stderr } = await cli(words, { server });
    expect({ code, stdout, requests: server.requests }).toEqual({ code: 2, stdout: "", requests: [] });
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr).toContain(hint);
  });

  it("accepts every name of the kind", async () => {
    for (const word of ["secret", "sec", "Secrets"]) {
      const server = respondingWith([{ total: 0 }, counts()]);
      expect((await cli(`migrate ${word} --from a --to b`, { server })).code).toBe(0);
    }
  });
});
