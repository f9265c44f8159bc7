import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { sweepLaunches } from "../../../src/processes/launch/start.ts";
import { wholeOutput } from "../../../src/processes/whole-output.ts";
import { podmanHost } from "../../support/containers/podman.ts";
import { eventually, stranger } from "../../support/processes/processes.ts";
import { launched, type TestLaunchOptions } from "../../support/sandbox/launched.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const found = podmanHost();
const { host, image, podman } = found ?? { host: undefined!, image: "", podman: () => "" };

/** Runs a script in a container without network. Returns the lines that it writes. */
async function linesOf(script: string, options: TestLaunchOptions = {}) {
  const source = { image, args: ["/bin/sh", "-c", script] };
  const program = await launched(source, { host, sandbox: "container", network: false, ...options });
  const text = await wholeOutput(program.stdout);
  return { ...(await program.closed), lines: text.split("\n").slice(0, -1), stderr: program.stderr() };
}

describe.skipIf(!found)("a hostile program in a container of Podman", () => {
  // T140, T141, T142
  it("sees neither files nor processes nor users of the host, and has no capabilities", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "secret"), "secret");
    stranger({ OTHER_TOKEN: "of-another-server" });
    const { lines } = await linesOf(
      `cat /etc/shadow ${folder}/secret /root/.bashrc 2>/dev/null || echo no files
       grep -l of-another-server /proc/[0-9]*/environ 2>/dev/null || echo no environment
       grep CapEff /proc/self/status; grep NoNewPrivs /proc/self/status
       echo x 2>/dev/null > /bin/hostile || echo no writing; echo x > /tmp/own && cat /tmp/own`,
    );
    expect(lines).toEqual([
      "no files",
      "no environment",
      "CapEff:\t0000000000000000",
      "NoNewPrivs:\t1",
      "no writing",
      "x",
    ]);
  });

  // T144
  it("has no network but its own loopback address", async () => {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("reached") });
    onTestFinished(() => server.stop(true));
    const { lines } = await linesOf(
      `wget -q -T 2 -O - http://127.0.0.1:${server.port} 2>/dev/null || echo nobody`,
    );
    expect(lines).toEqual(["nobody"]);
  });

  // T145
  it("gets the declared variables, also one of several lines", async () => {
    const { lines } = await linesOf('echo "$TOKEN"; echo "$KEY"', {
      env: { TOKEN: "a = 'b' #c", KEY: "1\n2" },
    });
    expect(lines).toEqual(["a = 'b' #c", "1", "2"]);
  });

  // Failure modes 114, 115
  it("is held to its limits by the kernel", async () => {
    const bomb = "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done; echo not refused";
    const forks = await linesOf(bomb, { resources: { pids: 20 } });
    expect({ lines: forks.lines, code: forks.code === 0 }).toEqual({ lines: [], code: false });
    const memory = await linesOf("head -c 100000000 /dev/zero > /tmp/big && echo not killed", {
      resources: { memoryMb: 32 },
    });
    expect(memory.lines).toEqual([]);
  });
});

describe.skipIf(!found)("the end of a container of Podman", () => {
  const stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
  const running = () => podman("ps", "--quiet", "--filter", `ancestor=${image}`).trim();

  it("leaves none, also when the program is deaf to SIGTERM", async () => {
    const options = { host, sandbox: "container", network: false, grace: 100 } as const;
    const program = await launched({ image, args: ["/bin/sh", "-c", stubborn] }, options);
    await program.stdout.getReader().read();
    expect(running()).not.toBe("");
    await program.stop();
    expect(running()).toBe("");
    expect(readdirSync(program.records)).toEqual([]);
  });

  // Failure mode 113
  it("comes by the next sweep when mcpctl was killed", async () => {
    const options = { host, sandbox: "container", network: false } as const;
    const { launch, stdout } = await launched({ image, args: ["/bin/sh", "-c", stubborn] }, options);
    await stdout.getReader().read();
    const records = temporaryFolder();
    const record = { marker: crypto.randomUUID(), owner: { pid: 2 ** 22 + 1 }, outside: launch.outside };
    writeFileSync(join(records, "a.json"), JSON.stringify(record));
    expect(await sweepLaunches(records, host.env)).toEqual([]);
    await eventually(() => running() === "");
  });
});
