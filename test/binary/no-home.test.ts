import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { binary } from "../support/binary.ts";
import { fakeApi } from "../support/cli/fake-api.ts";

const anyUser = 54_321;
// Only root can start a program as a user whom the system does not know.
const test = process.getuid?.() === 0 ? it : it.skip;

/** A folder that every user can enter, with the program in it. */
function sharedFolder() {
  const folder = mkdtempSync("/tmp/mcpctl-no-home-");
  chmodSync(folder, 0o755);
  copyFileSync(binary, join(folder, "mcpctl"));
  chmodSync(join(folder, "mcpctl"), 0o755);
  const run = (words: string[], env: Record<string, string> = {}) =>
    spawnSync(join(folder, "mcpctl"), words, { uid: anyUser, gid: anyUser, cwd: "/", env, encoding: "utf8" });
  return { folder, run };
}

test("an unknown user without HOME gets help, and is told what is missing for the rest (failure mode 89)", () => {
  const { folder, run } = sharedFolder();
  for (const words of [["help"], ["help", "get"], ["--version"], ["explain", "llm"], ["completion", "bash"]])
    expect(run(words), words.join(" ")).toMatchObject({ status: 0, stderr: "" });
  for (const words of [["get", "llms"], ["config", "view"], ["login", "--user", "a"], ["status"]]) {
    const { status, stderr } = run(words);
    expect(status, words.join(" ")).toBe(1);
    expect(stderr).toMatch(
      /^error: this user has no home, and HOME is not set\nhint: set HOME or MCPCTL_HOME/,
    );
  }
  const { status, stdout, stderr } = run(["version"]);
  expect({ status, stdout: stdout.slice(0, 8) }).toEqual({ status: 0, stdout: "client: " });
  expect(stderr).toContain("this user has no home");
  expect(
    run(["get", "llms", "--server", "http://127.0.0.1:1", "--token-file", join(folder, "none")]).stderr,
  ).toContain("cannot read the token file");
});

test("a home that cannot be written to or read is named, and everything else works (failure mode 89)", async () => {
  const { folder, run } = sharedFolder();
  const server = fakeApi({ "GET /api/v1/llms": [], "POST /api/v1/auth/login": { token: "t" } });
  writeFileSync(join(folder, "token"), "t");
  chownSync(folder, anyUser, anyUser);
  chmodSync(folder, 0o555);
  const given = ["--server", "http://127.0.0.1:1", "--token-file", join(folder, "token")];
  const home = { HOME: folder };
  const reached = run(["get", "llms", ...given], home);
  expect(reached.stderr).toContain("http://127.0.0.1:1: the connection was refused");
  const context = run(["config", "set-context", "a", "--server", server.url], home);
  expect(context.status).toBe(1);
  expect(context.stderr).toMatch(/^error: cannot .*permission denied/);
  expect(context.stderr).not.toContain("defect");
  chmodSync(folder, 0o755);
  expect(run(["config", "set-context", "a", "--server", server.url], home).status).toBe(0);
  chmodSync(join(folder, ".mcpctl/config.json"), 0o000);
  const unreadable = run(["get", "llms"], home);
  expect(unreadable).toMatchObject({ status: 1, stdout: "" });
  expect(unreadable.stderr).toContain("config.json is refused: it cannot be read");
  expect(run(["get", "llms", ...given], home).stderr).toContain("the connection was refused");
  expect(run(["help"], home).status).toBe(0);
});

it("a command line works in a folder that is deleted, and says which file is missing there (failure mode 196)", () => {
  const folder = mkdtempSync(join(tmpdir(), "mcp-"));
  const run = (line: string, env: Record<string, string> = {}) => {
    const script = `mkdir gone; cd gone; rmdir ../gone; exec "${binary}" ${line}`;
    return spawnSync("sh", ["-c", script], { cwd: folder, env: { HOME: folder, ...env }, encoding: "utf8" });
  };
  expect(run("explain llm")).toMatchObject({ status: 0, stderr: "" });
  const { status, stderr } = run("apply -f a.yaml");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: cannot read a\.yaml: no such file/);
  rmSync(folder, { recursive: true });
});
