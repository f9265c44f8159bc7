import { afterAll, beforeAll, expect, it } from "vitest";
import { type AtEnd, type BinaryServer, binary, cleanEnv, startBinary, textOf } from "../support/binary.ts";

/** It has a list of some megabytes: more than a pipe, or any buffer on the way, can hold. */
let server: BinaryServer;
const names = Array.from({ length: 300 }, (_, i) => `project-${String(i).padStart(3, "0")}`);

const ends: Parameters<AtEnd>[0][] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

beforeAll(async () => {
  server = await startBinary({ atEnd: (end) => ends.push(end) });
  const prompt = `${"a line of some length, ü included\n".repeat(500)}end`;
  const make = (name: string) => server.admin("POST", "/api/v1/projects", { name, prompt });
  const made = await Promise.all(names.map(make));
  expect(new Set(made.map(({ status }) => status))).toEqual(new Set([201]));
});

/** Runs a line of shell in which `mcpctl` is the program. */
function shell(line: string) {
  const env = cleanEnv(server.home, { BINARY: binary, BUN: process.execPath });
  return Bun.spawn(["bash", "-c", `mcpctl() { "$BINARY" "$@"; }; ${line}`], {
    env,
    stdout: "pipe",
    stderr: "pipe",
  });
}

it("delivers megabytes whole into a slow reader, byte for byte what a file gets", async () => {
  const toFile = shell(`mcpctl get projects -o json >"$HOME/file"; echo $?`);
  expect(await textOf(toFile.stdout)).toBe("0\n");
  const whole = await Bun.file(`${server.home}/file`).text();
  expect(JSON.parse(whole).map(({ name }: { name: string }) => name)).toEqual(names);
  expect(whole.length).toBeGreaterThan(5_000_000);

  // Takes a page, lets others run, takes the next: the pipe is full all the time.
  const slowly = `const { readSync, writeSync } = require("fs"), page = Buffer.alloc(4096);
    for (let n; (n = readSync(0, page)) > 0; Bun.sleepSync(0.1)) writeSync(1, page, 0, n);`;
  const slow = shell(`mcpctl get projects -o json | "$BUN" -e '${slowly}'; exit \${PIPESTATUS[0]}`);
  const [out, err] = await Promise.all([textOf(slow.stdout), textOf(slow.stderr)]);
  expect(err).toBe("");
  expect(await slow.exited).toBe(0);
  expect(out === whole).toBe(true);
});

it.each([
  ["json", "mcpctl get projects -o json | head -1", /^\[\n0\n$/],
  ["a table", "mcpctl get projects | head -1", /^NAME .*\n0\n$/],
  ["names", "mcpctl get projects -o name | head -2", /^project\/project-000\nproject\/project-001\n0\n$/],
  ["help", "mcpctl help | true", /^0\n$/],
])("ends quietly when the reader of %s leaves", async (_, line, expected) => {
  // At what moment it leaves is a matter of chance.
  for (let n = 0; n < 5; n++) {
    const cut = shell(`${line}; echo \${PIPESTATUS[0]}`);
    const [out, err] = await Promise.all([textOf(cut.stdout), textOf(cut.stderr)]);
    expect(err).toBe("");
    expect(out).toMatch(expected);
  }
});

it("leaves a watch at the next change when its reader has gone", async () => {
  const watching = shell(`mcpctl get users -w -o name | head -1; echo \${PIPESTATUS[0]}`);
  const reader = watching.stdout.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toBe("user/admin\n");
  let left = false;
  const exit = reader.read().finally(() => {
    left = true;
  });
  for (let n = 0; !left; n++) await server.admin("POST", "/api/v1/users", { name: `user-${n}` });
  expect((await exit).value).toBe("0\n");
  expect(await textOf(watching.stderr)).toBe("");
});

it("finishes a change when the reader of its results has gone, and exits with its own code", async () => {
  const groups = `for i in $(seq 300); do printf -- '---\\nkind: group\\nname: g-%s\\n' $i; done`;
  const bad = `printf -- '---\\nkind: group\\nname: z\\nmembers: [nobody]\\n'`;
  const lines = shell(`set -o pipefail
    { ${groups}; } | mcpctl apply -f - | head -1; echo $?
    { ${groups}; ${bad}; } | mcpctl apply -f - 2>/dev/null | head -1; echo \${PIPESTATUS[1]}
    mcpctl get groups -o name | grep -c group/g-
    mcpctl delete group --all --force | head -1; echo $?
    mcpctl get groups -o name`);
  expect(await textOf(lines.stdout)).toBe(
    "group 'g-1' created\n0\ngroup 'g-1' unchanged\n1\n300\ngroup 'g-1' deleted\n0\n",
  );
});

it("goes on without a stdout or a stderr", async () => {
  const closed = shell(
    `mcpctl get users >&-; echo $?; mcpctl create group g >&- 2>&-; echo $?; mcpctl get lms 2>&-; echo $?`,
  );
  expect(await textOf(closed.stdout)).toBe("0\n0\n2\n");
  expect(await textOf(closed.stderr)).toBe("");
  expect((await server.admin("GET", "/api/v1/groups/g")).status).toBe(200);
});

it("exits with an error when its output cannot be written, such as on a full disk", async () => {
  const full = shell(`mcpctl get users -o json >/dev/full; echo $?`);
  expect(await textOf(full.stdout)).toBe("1\n");
  expect(await textOf(full.stderr)).toMatch(/^error: cannot write the output: ENOSPC\n/);
});

it("serves on when the reader of its log has gone", async () => {
  const alone = await startBinary({ before: ["bash", "-c", 'exec "$@" 2> >(head -1 >&2)', "bash"] });
  for (const path of ["/healthz", "/api/v1/llms", "/nothing"]) await alone.call("GET", path);
  expect((await alone.admin("POST", "/api/v1/groups", { name: "g" })).status).toBe(201);
  alone.kill("SIGTERM");
  expect(await alone.ended).toBe(0);
});
