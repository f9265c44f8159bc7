import { expect, it } from "vitest";
import { version } from "../../package.json";
import { freshFolder, mcpctl, startBinary } from "../support/binary.ts";

const line = new RegExp(
  `^mcpctl ${version} \\(commit \\S+, built \\d{4}-\\d\\d-\\d\\dT\\S+Z, bun ${Bun.version}\\)\n$`,
);

it("prints version, commit, date and Bun with --version", async () => {
  for (const words of ["--version", "-v"]) {
    const { code, stdout, stderr } = await mcpctl(words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(line);
    expect(stdout).not.toContain("dev");
  }
});

it("prints the versions of client and server as JSON, and nothing else on stdout", async () => {
  const alone = await mcpctl("version -o json");
  expect(JSON.parse(alone.stdout)).toEqual({ client: expect.objectContaining({ version }), server: null });
  expect(alone.stderr).toMatch(/^warning: the version of the server is unknown: .*\n$/);

  const server = await startBinary();
  const both = await server.run("version -o json");
  const { client, server: other } = JSON.parse(both.stdout);
  expect(other).toMatchObject(client);
  expect(Object.keys(client)).toEqual(["version", "commit", "date", "bun"]);
  expect(both.stderr).toBe("");
});

it("prints help on stdout and ends with 0, with no server there", async () => {
  for (const words of [
    "",
    "--help",
    "help",
    "get --help",
    "server -h",
    "create llm --help",
    "auth can-i --help",
  ]) {
    const { code, stdout, stderr } = await mcpctl(words);
    expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: "" });
    expect(stdout).toMatch(/mcpctl/);
  }
});

it.each([
  ["gte llms", 'unknown verb "gte"', 'did you mean "get"?'],
  ["get llms --outptu json", "unknown flag --outptu", "did you mean --output?"],
  ["get lms", '"lms"', 'did you mean "llms"?'],
  ["get llms -o jsno", '"jsno"', "json"],
  ["server --listen nowhere", '"nowhere" is not HOST:PORT', "127.0.0.1:7777"],
  ["server --quota lmls=3", 'unknown quota "lmls"', 'did you mean "llms"?'],
  ["server --public-url nowhere", '"nowhere" is not a URL', "https://"],
  ["get llms --server ftp://x", '"ftp://x" is not the address of a server', "http://host:7777"],
])("refuses `%s` with a suggestion, and ends with 2", async (words, message, hint) => {
  const { code, stdout, stderr } = await mcpctl(words);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^error: .*\n(?:.*\n)*hint: .*\n$/);
  expect(stderr).toContain(message);
  expect(stderr).toContain(hint);
});

it("exits with 3 for a missing object, 4 for a forbidden call, 1 for refused input and failures", async () => {
  const server = await startBinary();
  const home = freshFolder();
  const tcp = `--server ${server.url}`;

  const missing = await server.run("get llm gtp");
  expect(missing).toEqual({
    code: 3,
    stdout: "",
    stderr: expect.stringContaining('error: llm "gtp" not found'),
  });
  const stranger = await mcpctl(`get llms ${tcp}`, { home });
  expect(stranger).toEqual({
    code: 4,
    stdout: "",
    stderr: expect.stringMatching(/^error: .*\nhint: mcpctl login\nrequest: req_\w+\n$/),
  });

  const made = await server.run("create token narrow --bind role:view,resource:llms -o json");
  const env = { MCPCTL_TOKEN: JSON.parse(made.stdout).token };
  expect(await mcpctl(`get secrets ${tcp}`, { home, env })).toMatchObject({ code: 4, stdout: "" });
  expect(await mcpctl(`get llms ${tcp} -o json`, { home, env })).toEqual({
    code: 0,
    stdout: "[]\n",
    stderr: "",
  });

  expect(await server.run("create group g")).toMatchObject({ code: 0, stderr: "" });
  expect(await server.run("create group g")).toMatchObject({ code: 1, stdout: "" });
  const nobody = await mcpctl("get llms --server http://127.0.0.1:1", { home });
  expect(nobody).toEqual({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(
      /^error: cannot reach .*: the connection was refused \(ECONNREFUSED\)\nhint: /,
    ),
  });
});

it("keeps stdout pure JSON while warnings go to stderr", async () => {
  const server = await startBinary();
  const made = await server.run("create llm gpt --type openai --model m --url http://127.0.0.1:1 -o json");
  expect(made.code).toBe(0);
  expect(JSON.parse(made.stdout)).toMatchObject({ name: "gpt", type: "openai" });
  expect(made.stderr).toMatch(/^warning: /);
  const shown = await server.run("get llms -o json -v");
  expect(JSON.parse(shown.stdout)).toEqual([expect.objectContaining({ name: "gpt" })]);
  expect(shown.stderr).toMatch(/^GET \/api\/v1\/llms 200 req_\w+\n$/);
  expect(JSON.parse((await server.run("status -o json")).stdout)).toMatchObject({ llms: { total: 1 } });
});

it("refuses a memory for bodies that holds no body of the largest size for one user", async () => {
  for (const size of ["63mb", "128", "1tb", "-1gb"]) {
    const { code, stdout, stderr } = await mcpctl([
      "server",
      "--listen=127.0.0.1:0",
      `--memory-for-bodies=${size}`,
    ]);
    expect([code, stdout, stderr.split("\n")[0]]).toEqual([
      2,
      "",
      `error: --memory-for-bodies: "${size}" is not a size of 64mb or more`,
    ]);
  }
});
