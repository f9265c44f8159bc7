import { expect, it } from "vitest";
import { type BinaryServer, binary, cleanEnv, startBinary, textOf } from "../support/binary.ts";

/** A list of some megabytes: more than a pipe, or any buffer on the way, can hold. */
async function serverWithMuch(): Promise<{ server: BinaryServer; names: string[] }> {
  const server = await startBinary();
  const names = Array.from({ length: 300 }, (_, i) => `project-${String(i).padStart(3, "0")}`);
  const prompt = `${"a line of some length, ü included\n".repeat(500)}end`;
  const made = await Promise.all(
    names.map((name) => server.admin("POST", "/api/v1/projects", { name, prompt })),
  );
  expect(new Set(made.map(({ status }) => status))).toEqual(new Set([201]));
  return { server, names };
}

/** Runs a line of shell in which `mcpctl` is the program. */
function shell(server: BinaryServer, line: string) {
  const env = cleanEnv(server.home, { BINARY: binary });
  return Bun.spawn(["bash", "-c", `mcpctl() { "$BINARY" "$@"; }; ${line}`], {
    env,
    stdout: "pipe",
    stderr: "pipe",
  });
}

it("delivers megabytes whole into a slow reader, byte for byte what a file gets", async () => {
  const { server, names } = await serverWithMuch();
  const toFile = shell(server, `mcpctl get projects -o json >"$HOME/file"; echo $?`);
  expect(await textOf(toFile.stdout)).toBe("0\n");
  const whole = await Bun.file(`${server.home}/file`).text();
  expect(JSON.parse(whole).map(({ name }: { name: string }) => name)).toEqual(names);
  expect(whole.length).toBeGreaterThan(5_000_000);

  // Reads a little, then lets others run, thousands of times.
  const slowly = `perl -e 'while (read(STDIN, $b, 4096)) { print $b; select(undef, undef, undef, 0.0001) }'`;
  const slow = shell(server, `mcpctl get projects -o json | ${slowly}; exit \${PIPESTATUS[0]}`);
  const [out, err] = await Promise.all([textOf(slow.stdout), textOf(slow.stderr)]);
  expect(err).toBe("");
  expect(await slow.exited).toBe(0);
  expect(out === whole).toBe(true);
});

it.each([
  ["json", `mcpctl get projects -o json | head -1; echo \${PIPESTATUS[0]}`, "[\n0\n"],
  ["a table", `mcpctl get projects | head -1; echo \${PIPESTATUS[0]}`, /^NAME .*\n0\n$/],
  [
    "names",
    `mcpctl get projects -o name | head -2; echo \${PIPESTATUS[0]}`,
    "project/project-000\nproject/project-001\n0\n",
  ],
  ["help", `mcpctl help | true; echo \${PIPESTATUS[0]}`, "0\n"],
])("ends quietly when the reader of %s leaves", async (_, line, expected) => {
  const { server } = await serverWithMuch();
  const cut = shell(server, line);
  const [out, err] = await Promise.all([textOf(cut.stdout), textOf(cut.stderr)]);
  expect(err).toBe("");
  expect(out).toMatch(expected instanceof RegExp ? expected : new RegExp(`^${RegExp.escape(expected)}$`));
});

it("leaves a watch when its reader does", async () => {
  const { server } = await serverWithMuch();
  const watching = shell(server, `mcpctl get projects -w -o name | head -1; echo \${PIPESTATUS[0]}`);
  expect(await textOf(watching.stdout)).toBe("project/project-000\n0\n");
  expect(await textOf(watching.stderr)).toBe("");
});

it("goes on without a stdout or a stderr", async () => {
  const server = await startBinary();
  const closed = shell(
    server,
    `mcpctl get users >&-; echo $?; mcpctl create group g >&- 2>&-; echo $?; mcpctl get lms 2>&-; echo $?`,
  );
  expect(await textOf(closed.stdout)).toBe("0\n0\n2\n");
  expect(await textOf(closed.stderr)).toBe("");
  expect((await server.run("get group g -o name")).stdout).toBe("group/g\n");
});

it("says so when what is written cannot be kept: a full disk is no success", async () => {
  const server = await startBinary();
  const full = shell(server, `mcpctl get users -o json >/dev/full; echo $?`);
  expect(await textOf(full.stdout)).toBe("1\n");
  expect(await textOf(full.stderr)).toMatch(/^error: cannot write the output: ENOSPC\n/);
});

it("serves on when the reader of its log has gone", async () => {
  const server = await startBinary({ before: ["bash", "-c", 'exec "$@" 2> >(head -1 >&2)', "bash"] });
  for (const path of ["/healthz", "/api/v1/llms", "/nothing"]) await server.call("GET", path);
  expect((await server.admin("POST", "/api/v1/groups", { name: "g" })).status).toBe(201);
  server.kill("SIGTERM");
  expect(await server.ended).toBe(0);
});
