import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { binary, cleanEnv, freshFolder, must, startBinary, textOf } from "../support/binary.ts";

/** The file of the Inspector's command line, `…/node_modules/.bin/mcp-inspector`. It needs Node.js 22 in the PATH. */
const inspector = process.env["MCPCTL_TEST_INSPECTOR"];
const program = join(import.meta.dirname, "../support/mcp-stdio-server.ts");

/** Runs the Inspector, and returns its exit code with the result or error that it prints. */
async function inspect(words: readonly string[]) {
  const running = Bun.spawn(["node", inspector!, "--cli", ...words, "-q", "--format", "json"], {
    env: cleanEnv(freshFolder()),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([textOf(running.stdout), textOf(running.stderr)]);
  return { code: await running.exited, body: JSON.parse(stdout.trim() === "" ? stderr : stdout) };
}

describe.skipIf(!inspector)("the official Inspector (skipped without MCPCTL_TEST_INSPECTOR)", () => {
  it("lists and calls the tools of a project in both eras, over HTTP and mcpctl mcp, and is refused with a wrong token", async () => {
    const server = await startBinary();
    const command = [process.execPath, program].flatMap((word) => ["--command", word]);
    await must(server.run(["create", "server", "tools", ...command, "--sandbox", "none"]));
    await must(server.run("create project demo --server tools --proxy-model none"));
    await must(server.run("test mcp -p demo --expect-tools echo"));
    const made = await must(server.run("create token narrow --bind role:run,resource:projects,name:demo"));
    const token = made.trim().split("\n").at(-1)!;
    const tokenFile = join(server.home, "narrow.token");
    const bridge = join(server.home, "bridge.sh");
    writeFileSync(tokenFile, token, { mode: 0o600 });
    // The Inspector has a flag --server of its own.
    writeFileSync(
      bridge,
      `#!/bin/sh\nexec ${binary} mcp -p demo --server ${server.url} --token-file ${tokenFile}\n`,
    );
    chmodSync(bridge, 0o755);
    const over = (bearer: string) => [
      `${server.url}/projects/demo/mcp`,
      ...["--transport", "http", "--header", `Authorization: Bearer ${bearer}`],
    ];
    const call = ["--method", "tools/call", "--tool-name", "echo", "--tool-args-json", '{"text":"größe"}'];
    for (const era of ["modern", "legacy"])
      for (const way of [over(token), [bridge]]) {
        const words = [...way, "--protocol-era", era];
        const listed = await inspect([...words, "--method", "tools/list", "--strict"]);
        expect([era, listed.code, listed.body.result.tools.length]).toEqual([era, 0, 4]);
        const called = await inspect([...words, ...call]);
        expect([era, called.code, called.body.result.content]).toEqual([
          era,
          0,
          [{ type: "text", text: "größe" }],
        ]);
      }
    expect((await inspect([...over("mcpctl_pat_wrong"), "--method", "tools/list"])).code).toBe(3);
  });
});
