import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { upgrade, upgradeProgram } from "../../../src/cli/cmd/upgrade.ts";
import type { Commands } from "../../../src/cli/core/command.ts";
import { type CliOptions, cli } from "../../support/cli/run-cli.ts";
import {
  archiveOf,
  newReleaseKey,
  type PublishedFolder,
  publishRelease,
  scriptOf,
} from "../../support/published-release.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A program of version 1.0.0 in a folder of its own, which `run` upgrades. */
function installed(platform: string | null = "linux-x64") {
  const folder = join(temporaryFolder(), "bin");
  mkdirSync(folder);
  const path = join(folder, "mcpctl");
  writeFileSync(path, scriptOf("1.0.0"));
  chmodSync(path, 0o755);
  const version = () => /mcpctl (\S+)/.exec(readFileSync(path, "utf8"))![1];
  const commands: Commands = {
    upgrade: {
      summary: "",
      load: async () => ({
        ...upgrade,
        act: (args, context) =>
          upgradeProgram(
            { path, version: version()!, platform: platform ?? undefined },
            { rollback: args["rollback"] === true, allowDowngrade: args["allow-downgrade"] === true },
            context,
          ),
      }),
    },
  };
  return {
    folder,
    path,
    version,
    run: (line: string, from?: PublishedFolder, options: CliOptions = {}) =>
      cli(line, {
        ...options,
        commands,
        env: { ...(from && { MCPCTL_UPDATE_URL: from.url }), ...options.env },
      }),
  };
}

describe("upgrade", () => {
  it("replaces the program, keeps the old one, and rolls back and forth", async () => {
    const { folder, path, version, run } = installed();
    chmodSync(path, 0o751);
    const { code, stdout, stderr } = await run("upgrade", publishRelease("1.1.0"));
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`${path} was 1.0.0 and is now 1.1.0: its sum was right; no key is known`);
    expect(version()).toBe("1.1.0");
    expect(statSync(path).mode & 0o777).toBe(0o751);
    expect(readdirSync(folder).sort()).toEqual(["mcpctl", "mcpctl.previous"]);
    expect((await run("upgrade --rollback")).code).toBe(0);
    expect(version()).toBe("1.0.0");
    expect((await run("upgrade --rollback")).code).toBe(0);
    expect(version()).toBe("1.1.0");
    expect(readdirSync(folder).sort()).toEqual(["mcpctl", "mcpctl.previous"]);
  });

  it("does nothing where the newest release runs already", async () => {
    const release = publishRelease("1.0.0");
    const { folder, run } = installed();
    expect(await run("upgrade", release)).toMatchObject({
      code: 0,
      stdout: "mcpctl 1.0.0 is the newest release\n",
    });
    expect(release.asked).toEqual(["SHA256SUMS"]);
    expect(readdirSync(folder)).toEqual(["mcpctl"]);
  });

  it("asks nowhere without MCPCTL_UPDATE_URL, and rolls back only to a program that is there", async () => {
    const { run } = installed();
    expect(await run("upgrade")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("MCPCTL_UPDATE_URL is not set"),
    });
    expect(await run("upgrade --rollback")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("no earlier program"),
    });
  });

  // T254
  it("refuses an older release, also a release candidate, unless it is allowed", async () => {
    const { version, run } = installed();
    for (const older of ["0.9.9", "1.0.0-rc.1"]) {
      const refused = await run("upgrade", publishRelease(older));
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`the newest release is ${older}, older`),
      });
      expect(version()).toBe("1.0.0");
    }
    expect((await run("upgrade --allow-downgrade", publishRelease("0.9.9"))).code).toBe(0);
    expect(version()).toBe("0.9.9");
  });

  // T252
  it("refuses a file with another sum, and a URL that others can read along", async () => {
    const { folder, version, run } = installed();
    const release = publishRelease("1.1.0");
    release.files["mcpctl-1.1.0-linux-x64.tar.gz"] = archiveOf("1.1.0", scriptOf("6.6.6"));
    const { code, stderr } = await run("upgrade", release);
    expect([code, stderr]).toEqual([1, expect.stringContaining("has the wrong sum")]);
    for (const url of [
      "http://releases.example.org/latest",
      "ftp://x/",
      "file:///tmp",
      "https://u:p@example.org/",
    ]) {
      const refused = await run("upgrade", undefined, { env: { MCPCTL_UPDATE_URL: url } });
      expect([url, refused.code, refused.stderr]).toEqual([url, 2, expect.stringContaining("is refused")]);
      expect(refused.stderr).not.toContain("u:p");
    }
    expect(version()).toBe("1.0.0");
    expect(readdirSync(folder)).toEqual(["mcpctl"]);
  });

  // T253
  it("with a key takes nothing that it has not signed", async () => {
    const { version, run } = installed();
    const [key, other] = [newReleaseKey(), newReleaseKey()];
    const env = { MCPCTL_UPDATE_KEY: key.publicKey };
    const release = publishRelease("1.1.0");
    const sums = release.files["SHA256SUMS"] as string;
    expect(await run("upgrade", release, { env })).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("SHA256SUMS.sig"),
    });
    for (const signature of [other.sign(sums), key.sign(`${sums}\n`), "", "no base64 at all"]) {
      release.files["SHA256SUMS.sig"] = signature;
      const refused = await run("upgrade", release, { env });
      expect([signature, refused.code, refused.stderr]).toEqual([
        signature,
        1,
        expect.stringContaining("signature"),
      ]);
    }
    expect(release.asked).not.toContain("mcpctl-1.1.0-linux-x64.tar.gz");
    expect(version()).toBe("1.0.0");
    release.files["SHA256SUMS.sig"] = `${key.sign(sums)}\n`;
    expect(await run("upgrade", release, { env })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("sum and signature were right"),
    });
    expect(version()).toBe("1.1.0");
  });

  it("follows redirects without a token, but not for ever", async () => {
    const { version, run } = installed();
    const target = publishRelease("1.1.0");
    const release = publishRelease("1.1.0");
    for (const name of Object.keys(release.files))
      release.files[name] = () => Response.redirect(`${target.url}/${name}`, 302);
    const home = temporaryFolder();
    const env = { MCPCTL_TOKEN: "mcpctl_secret" };
    expect((await run("upgrade", release, { home, env })).code).toBe(0);
    expect(version()).toBe("1.1.0");
    for (const headers of [...release.headers, ...target.headers])
      expect(headers.get("authorization")).toBeNull();
    const round = publishRelease("1.2.0");
    round.files["SHA256SUMS"] = () => Response.redirect(`${round.url}/SHA256SUMS`, 302);
    expect(await run("upgrade", round)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("redirects again and again"),
    });
  });

  // Failure mode 220
  it("refuses a download that is cut off, damaged, or has no program", async () => {
    const { folder, version, run } = installed();
    const name = "mcpctl-1.1.0-linux-x64.tar.gz";
    const half = archiveOf("1.1.0").slice(0, 200);
    const none = Bun.gzipSync("x".repeat(4096));
    for (const archive of [half, none, new TextEncoder().encode("no archive at all")]) {
      const release = publishRelease("1.1.0", archive);
      const { code, stderr } = await run("upgrade", release);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/cannot be unpacked|no program/)]);
      release.files[name] = archive.slice(0, 10);
      expect((await run("upgrade", release)).stderr).toContain("wrong sum");
    }
    const huge = publishRelease("1.1.0");
    huge.files["SHA256SUMS"] = "0".repeat(300_000);
    expect((await run("upgrade", huge)).stderr).toContain("larger than");
    expect(version()).toBe("1.0.0");
    expect(readdirSync(folder)).toEqual(["mcpctl"]);
  });

  // Failure mode 219
  it("does not install a program that this machine cannot run, or of another version", async () => {
    const { folder, version, run } = installed();
    const programs = [
      "#!/no/such/interpreter\n",
      "#!/bin/sh\necho missing libstdc++ >&2; exit 127\n",
      scriptOf("1.0.9"),
      "",
    ];
    for (const program of programs) {
      const { code, stderr } = await run("upgrade", publishRelease("1.1.0", archiveOf("1.1.0", program)));
      expect([program, code, stderr]).toEqual([
        program,
        1,
        expect.stringMatching(/does not run on this machine|no program/),
      ]);
    }
    expect(version()).toBe("1.0.0");
    expect(readdirSync(folder)).toEqual(["mcpctl"]);
  });

  it.each(["deb", "rpm", "apk", "image"])(
    "leaves a program of a package (%s) to its manager, and says how",
    async (owner) => {
      const { folder, version, run } = installed();
      mkdirSync(join(folder, "../lib/mcpctl"), { recursive: true });
      writeFileSync(join(folder, "../lib/mcpctl/package"), `${owner}\n`);
      const release = publishRelease("1.1.0");
      const { code, stderr } = await run("upgrade", release);
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/by a package[\s\S]*(apt-get|dnf|apk|image)/),
      ]);
      expect([release.asked, version()]).toEqual([[], "1.0.0"]);
      expect((await run("upgrade --rollback", release)).code).toBe(1);
    },
  );

  it("refuses platforms that a release has no program for, and a program from source", async () => {
    const other = installed("plan9-x64");
    expect(await other.run("upgrade", publishRelease("1.1.0"))).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("plan9-x64"),
    });
    const source = installed(null);
    expect(await source.run("upgrade", publishRelease("1.1.0"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("from its sources"),
    });
  });

  it("removes what an upgrade that was killed has left an hour ago, and nothing newer", async () => {
    const { folder, run } = installed();
    const now = new Date(Date.now() + 7_200_000).toISOString();
    writeFileSync(join(folder, ".mcpctl.upgrade-old"), "");
    expect((await run("upgrade", publishRelease("1.0.0"))).code).toBe(0);
    expect(existsSync(join(folder, ".mcpctl.upgrade-old"))).toBe(true);
    await run("upgrade", publishRelease("1.0.0"), { now });
    expect(readdirSync(folder)).toEqual(["mcpctl"]);
  });
});

describe("version --check", () => {
  it("says which release is the newest, and changes nothing", async () => {
    const release = publishRelease("99.0.0");
    const env = { MCPCTL_UPDATE_URL: release.url, MCPCTL_SERVER: "http://127.0.0.1:9" };
    const { code, stdout } = await cli("version --check", { env });
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining("newest release: 99.0.0; to install it: mcpctl upgrade\n"),
    ]);
    const json = JSON.parse((await cli("version --check -o json", { env })).stdout);
    expect(json.newest).toEqual({ version: "99.0.0", isNewer: true, signed: false });
    const older = { ...env, MCPCTL_UPDATE_URL: publishRelease("0.0.1").url };
    expect((await cli("version --check", { env: older })).stdout).toMatch(/newest release: 0.0.1\n$/);
    expect(release.asked).toEqual(["SHA256SUMS", "SHA256SUMS"]);
  });

  it("is wrong usage without the variable, and without --check nobody is asked", async () => {
    const env = { MCPCTL_SERVER: "http://127.0.0.1:9" };
    expect((await cli("version --check", { env })).code).toBe(2);
    const release = publishRelease("99.0.0");
    await cli("version", { env: { ...env, MCPCTL_UPDATE_URL: release.url } });
    expect(release.asked).toEqual([]);
  });
});
