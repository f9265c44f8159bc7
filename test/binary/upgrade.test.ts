import { chmodSync, copyFileSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { version } from "../../package.json";
import { thisPlatform } from "../../scripts/release/platforms.ts";
import { sha256 } from "../../scripts/release/tar.ts";
import { binary, cleanEnv, freshFolder, textOf } from "../support/binary.ts";
import { archiveOf, newReleaseKey, publishRelease, scriptOf } from "../support/published-release.ts";

const newer = "99.0.0";
const name = `mcpctl-${newer}-${thisPlatform}.tar.gz`;
const archive = archiveOf(newer, scriptOf(newer), thisPlatform);
const key = newReleaseKey();
const folder = freshFolder((after) => afterAll(after));
const path = join(folder, "bin/mcpctl");
mkdirSync(join(folder, "bin"));
copyFileSync(binary, path);
chmodSync(path, 0o755);

/** A release of the newer version, signed. */
function published() {
  const release = publishRelease(newer, archive);
  const sums = `${sha256(archive)}  ${name}\n`;
  Object.assign(release.files, { SHA256SUMS: sums, [name]: archive, "SHA256SUMS.sig": key.sign(sums) });
  return release;
}

function start(words: readonly string[], url: string, before: readonly string[] = []) {
  return Bun.spawn([...before, path, ...words], {
    env: cleanEnv(folder, { MCPCTL_UPDATE_URL: url, MCPCTL_UPDATE_KEY: key.publicKey }),
    ...{ cwd: "/", stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  });
}

async function run(words: readonly string[], url: string, before: readonly string[] = []) {
  const running = start(words, url, before);
  const [stdout, stderr] = await Promise.all([textOf(running.stdout), textOf(running.stderr)]);
  return { code: await running.exited, stdout, stderr };
}

/** The version that the installed file says it is. */
const installed = () => /mcpctl (\S+)/.exec(Bun.spawnSync([path, "--version"]).stdout.toString())?.[1];
const files = () => readdirSync(join(folder, "bin")).sort();

it("mcpctl upgrade refuses what is not right, and leaves the program as it is", async () => {
  const { ino } = statSync(path);
  const wrongSum = published();
  wrongSum.files[name] = archiveOf(newer, "#!/bin/sh\n", thisPlatform);
  const wrongKey = published();
  wrongKey.files["SHA256SUMS.sig"] = newReleaseKey().sign(String(wrongKey.files["SHA256SUMS"]));
  for (const [release, reason] of [
    [wrongSum, "has the wrong sum"],
    [wrongKey, "signature"],
  ] as const)
    expect(await run(["upgrade"], release.url)).toMatchObject({
      ...{ code: 1, stdout: "", stderr: expect.stringContaining(reason) },
    });
  if (process.geteuid?.() === 0) {
    chmodSync(folder, 0o755);
    const other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    const refused = await run(["upgrade"], published().url, other);
    expect(refused).toMatchObject({ code: 4, stdout: "" });
    expect(refused.stderr).toMatch(/^error: [\s\S]*hint: [\s\S]*sudo --preserve-env=/);
  }
  expect([files(), statSync(path).ino, installed()]).toEqual([["mcpctl"], ino, version]);
});

// Failure mode 218
it.each(["SIGKILL", "SIGINT"] as const)(
  "%s in the middle of the download leaves the program as it is",
  async (signal) => {
    const release = published();
    const asked = Promise.withResolvers<void>();
    release.files[name] = () => {
      asked.resolve();
      return new Response(new ReadableStream({ start: (to) => to.enqueue(archive.slice(0, 100)) }));
    };
    const running = start(["upgrade"], release.url);
    await asked.promise;
    while (files().length === 1) await Bun.sleep(2);
    running.kill(signal);
    await running.exited;
    if (signal === "SIGINT") expect(running.exitCode).toBe(130);
    expect(files().filter((one) => !one.startsWith(".mcpctl.upgrade-"))).toEqual(["mcpctl"]);
    expect(installed()).toBe(version);
  },
);

// Failure mode 215
it("replaces the program, names the server that goes on with the old one, and rolls back", async () => {
  const release = published();
  const server = start(["server", "--listen", "127.0.0.1:0"], release.url);
  try {
    const log = server.stderr.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("listens on"); ) text += (await log.read()).value ?? "";
    const { code, stdout, stderr } = await run(["upgrade"], release.url);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`${path} was ${version} and is now ${newer}: its sum and signature were right`);
    expect(stdout).toContain(
      `the server with process id ${server.pid} still runs the old version; restart it`,
    );
    expect(installed()).toBe(newer);
    const back = Bun.spawnSync([`${path}.previous`, "--version"]).stdout.toString();
    expect(back).toContain(`mcpctl ${version} `);
  } finally {
    server.kill("SIGKILL");
    await server.exited;
  }
});
