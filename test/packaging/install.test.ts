import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../scripts/release/tar.ts";
import { archiveOf, type PublishedFolder, publishRelease, scriptOf } from "../support/published-release.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const script = join(import.meta.dirname, "../../packaging/install.sh");
const isLinux = process.platform === "linux" && process.arch === "x64";

/** A release for each program of x64: install.sh chooses by the processor and the C library. */
function publish(version: string, program = scriptOf(version)): PublishedFolder {
  const release = publishRelease(version);
  const lines = ["linux-x64", "linux-x64-baseline", "linux-x64-musl", "linux-x64-musl-baseline"].map(
    (platform) => {
      const name = `mcpctl-${version}-${platform}.tar.gz`;
      const archive = archiveOf(version, program, platform);
      release.files[name] = archive;
      return `${sha256(archive)}  ${name}\n`;
    },
  );
  release.files["SHA256SUMS"] = `${lines.join("")}${"0".repeat(64)}  mcpctl-${version}.cdx.json\n`;
  return release;
}

const archives = ({ files }: PublishedFolder) =>
  Object.keys(files).filter((name) => name.endsWith(".tar.gz"));

/** A folder with no other programs than these, the shell among them. */
function pathWith(names: readonly string[], busybox = false): string {
  const folder = temporaryFolder();
  for (const name of names) {
    const target = Bun.which(busybox ? "busybox" : name);
    if (target) symlinkSync(target, join(folder, name));
  }
  return folder;
}

const tools = "id uname sysctl grep sed cut wc tar gzip mktemp mkdir mv rm chmod sha256sum sh cat echo".split(
  " ",
);
const ways = [
  { name: "dash and curl", shell: "dash", path: () => pathWith([...tools, "curl"]) },
  { name: "dash and wget", shell: "dash", path: () => pathWith([...tools, "wget"]) },
  { name: "bash and curl", shell: "bash", path: () => pathWith([...tools, "curl"]) },
  { name: "busybox alone", shell: "busybox", path: () => pathWith([...tools, "wget"], true) },
].filter(({ shell, name }) => Bun.which(shell) && (!name.includes("wget") || Bun.which("wget")));

/** Runs install.sh for a user whose home is a new folder, or another script in its place. */
async function install(
  url: string,
  { shell, path }: { shell: string; path: () => string } = ways[0]!,
  { home = temporaryFolder(), env = {}, text = readFileSync(script, "utf8") } = {},
) {
  const words = [Bun.which(shell)!, ...(shell === "busybox" ? ["sh"] : []), "-s"];
  const child = Bun.spawn(words, {
    stdin: new TextEncoder().encode(text),
    stdout: "pipe",
    stderr: "pipe",
    env: {
      PATH: path(),
      HOME: home,
      MCPCTL_DOWNLOAD_URL: url,
      // Tests run as root, too, whose folder is not a test's.
      MCPCTL_INSTALL_DIR: join(home, ".local/bin"),
      ...env,
    },
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const folder = join(home, ".local/bin");
  const program = join(folder, "mcpctl");
  return {
    code: await child.exited,
    stdout,
    stderr,
    home,
    program,
    left: existsSync(folder) ? readdirSync(folder) : [],
    installed: existsSync(program) ? readFileSync(program, "utf8") : undefined,
  };
}

describe.skipIf(!isLinux)("install.sh", () => {
  it.each(ways)("installs the program with $name, and a newer one over it", async (way) => {
    const first = await install(publish("1.0.0").url, way);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(first.stdout).toContain(`${first.program} is mcpctl 1.0.0\n`);
    expect(first.stdout).toContain(`export PATH="${first.home}/.local/bin:`);
    expect(statSync(first.program).mode & 0o777).toBe(0o755);
    const again = await install(`${publish("1.0.0").url}/`, way, { home: first.home });
    expect([again.code, again.installed]).toEqual([0, scriptOf("1.0.0")]);
    const next = await install(publish("1.1.0").url, way, { home: first.home });
    expect([next.code, next.installed, next.left]).toEqual([0, scriptOf("1.1.0"), ["mcpctl"]]);
  });

  it("names a folder that is given relative to this one by its whole path", async () => {
    const home = temporaryFolder();
    const { code, stdout } = await install(publish("1.0.0").url, ways[0]!, {
      home,
      env: { MCPCTL_INSTALL_DIR: "bin/" },
      text: `cd "$HOME"\n${readFileSync(script, "utf8")}`,
    });
    expect([code, existsSync(join(home, "bin/mcpctl"))]).toEqual([0, true]);
    expect(stdout).toContain(`export PATH="${home}/bin:$PATH"\n`);
  });

  // T255
  it.each([ways[0]!, ways.at(-1)!])(
    "with $name installs nothing that has another sum or is cut off, and keeps what is there",
    async (way) => {
      const { home } = await install(publish("1.0.0").url, way);
      const other = publish("1.1.0");
      for (const name of archives(other)) other.files[name] = archiveOf("6.6.6");
      const cut = publish("1.1.0");
      for (const name of archives(cut))
        cut.files[name] = (cut.files[name] as Uint8Array<ArrayBuffer>).slice(0, 100);
      const gone = publish("1.1.0");
      for (const name of archives(gone)) delete gone.files[name];
      for (const [release, error] of [
        [other, /has the wrong sum: [0-9a-f]{64} instead of [0-9a-f]{64}/],
        [cut, /has the wrong sum/],
        [gone, /cannot download/],
      ] as const) {
        const { code, stderr, installed, left } = await install(release.url, way, { home });
        expect([code, stderr]).toEqual([1, expect.stringMatching(error)]);
        expect([installed, left]).toEqual([scriptOf("1.0.0"), ["mcpctl"]]);
      }
    },
  );

  // T255
  it("refuses plain http to another machine, and asks nobody", async () => {
    const urls = [
      "http://releases.example.org",
      "http://127.0.0.1:1@example.org",
      "ftp://127.0.0.1/",
      "file:///tmp",
      "",
    ];
    for (const url of urls) {
      const { code, stderr, left } = await install(url);
      expect([url, code, stderr, left]).toEqual([
        url,
        1,
        expect.stringMatching(/refused|set MCPCTL_DOWNLOAD_URL/),
        [],
      ]);
    }
  });

  // T255
  it("does nothing if the script itself was cut off", async () => {
    const whole = readFileSync(script, "utf8");
    const release = publish("1.0.0");
    for (const length of [whole.length - 12, Math.floor(whole.length / 2), 300]) {
      const { installed, left } = await install(release.url, ways[0], { text: whole.slice(0, length) });
      expect([installed, left]).toEqual([undefined, []]);
    }
    expect(release.asked).toEqual([]);
  });

  it("tries the program before it takes the place of another", async () => {
    const { home } = await install(publish("1.0.0").url);
    const broken = publish("1.1.0", "#!/bin/sh\nexit 127\n");
    const { code, stderr, installed, left } = await install(broken.url, ways[0], { home });
    expect([code, stderr]).toEqual([1, expect.stringContaining("does not run here")]);
    expect([installed, left]).toEqual([scriptOf("1.0.0"), ["mcpctl"]]);
  });

  it("leaves a program alone that a package has installed, and names what it lacks", async () => {
    const home = temporaryFolder();
    mkdirSync(join(home, ".local/lib/mcpctl"), { recursive: true });
    mkdirSync(join(home, ".local/bin"));
    writeFileSync(join(home, ".local/lib/mcpctl/package"), "deb\n");
    expect(await install(publish("1.0.0").url, ways[0], { home })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("upgrade the package"),
    });
    const bare = { shell: "dash", path: () => pathWith(tools.filter((name) => name !== "wget")) };
    expect((await install(publish("1.0.0").url, bare)).stderr).toContain("it needs curl or wget");
    const unsummed = {
      shell: "dash",
      path: () => pathWith([...tools.filter((name) => name !== "sha256sum"), "curl"]),
    };
    expect((await install(publish("1.0.0").url, unsummed)).stderr).toContain(
      "it needs sha256sum, shasum or openssl",
    );
  });
});
