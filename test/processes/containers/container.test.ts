import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { prepareLaunch } from "../../../src/processes/launch/prepare.ts";
import { sweepLaunches } from "../../../src/processes/launch/start.ts";
import { sandboxLevels } from "../../../src/processes/sandbox/levels.ts";
import { wholeOutput } from "../../../src/processes/whole-output.ts";
import { standInEngine } from "../../support/containers/stand-in-engine.ts";
import { errorOf } from "../../support/error-of.ts";
import { launched } from "../../support/sandbox/launched.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const image = "ghcr.io/example/server:1.2.3";
const flagOf = (call: readonly string[], flag: string) => call[call.indexOf(flag) + 1];

/** Launches an image with a stand-in engine, sends it a line and waits for its end. Returns the call of `run`. */
async function runOf(source: object, options: object = {}, engine = standInEngine()) {
  const program = await launched({ image, ...source }, { host: engine.host, sandbox: "auto", ...options });
  await program.write("a line\n").catch(() => {});
  program.endInput();
  const stdout = await wholeOutput(program.stdout);
  await program.closed;
  const call = engine.calls().find(([verb]) => verb === "run")!;
  return { call, stdout, program, engine };
}

describe("a program in a container", () => {
  it("runs with everything taken away that it does not need, and speaks over stdin and stdout", async () => {
    const { call, stdout } = await runOf({ args: ["--stdio", "x"] });
    expect(stdout).toBe("a line\n");
    expect(call.slice(-3)).toEqual([image, "--stdio", "x"]);
    for (const flag of ["--rm", "--interactive", "--read-only"]) expect(call).toContain(flag);
    expect(flagOf(call, "--cap-drop")).toBe("ALL");
    expect(flagOf(call, "--security-opt")).toBe("no-new-privileges");
    expect(flagOf(call, "--pids-limit")).toBe("512");
    expect(flagOf(call, "--pull")).toBe("never");
    expect(flagOf(call, "--label")).toBe("io.mcpctl.program=it");
    expect(call.join(" ")).not.toMatch(/--privileged|--network|--mount|--publish|--user/);
  });

  it("has the limits of its definition, which the engine enforces", async () => {
    const { call, program } = await runOf(
      {},
      { resources: { memoryMb: 256, cpus: 0.5, pids: 64 }, network: false },
    );
    expect(flagOf(call, "--memory")).toBe("256m");
    expect(flagOf(call, "--memory-swap")).toBe("256m");
    expect(flagOf(call, "--cpus")).toBe("0.5");
    expect(flagOf(call, "--pids-limit")).toBe("64");
    expect(flagOf(call, "--network")).toBe("none");
    expect(program.launch.limits).toEqual({});
  });

  // T145
  it("gets its variables from a private file, those of several lines from the engine's environment", async () => {
    const env = {
      TOKEN: "secret = b",
      KEY: "-----BEGIN\nsecret\n-----END",
      DOCKER_HOST: "tcp://evil",
      HOME: "/app",
    };
    const { call, engine, program } = await runOf({}, { env });
    const { own, file } = engine.runEnvironment();
    expect(file.split("\n").sort()).toEqual(["", "DOCKER_HOST=tcp://evil", "HOME=/app", "TOKEN=secret = b"]);
    expect(call.join(" ")).not.toContain("secret");
    expect(flagOf(call, "--env")).toBe("KEY");
    expect(own).toContain("KEY=-----BEGIN\nsecret");
    // The engine keeps its own, and gets nothing of mcpctl's.
    expect(own).toContain("DOCKER_HOST=unix:///run/docker.sock");
    expect(own).not.toContain("of-mcpctl");
    expect(readdirSync(program.folder)).not.toContain("container.env");
  });

  it("has its variables in a file that only the user of mcpctl can read, which is gone when it has ended", async () => {
    const { host } = standInEngine();
    const folder = temporaryFolder();
    const options = {
      host,
      name: "it",
      sandbox: "auto",
      folder,
      kept: [],
      env: { TOKEN: "secret" },
    } as const;
    const { transientFiles } = await prepareLaunch({ image }, options);
    expect(transientFiles).toEqual([join(folder, "container.env")]);
    expect(statSync(transientFiles![0]!).mode & 0o777).toBe(0o600);
  });

  it("cannot have a variable of several lines that would change the engine", async () => {
    const error = await errorOf(runOf({}, { env: { DOCKER_HOST: "a\nb" } }));
    expect(error).toMatchObject({ code: "invalid_request", message: expect.stringContaining("DOCKER_HOST") });
  });

  it("serves a port on the loopback address alone", async () => {
    const { call, program } = await runOf({ port: 8080 });
    expect(program.launch.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const outside = program.launch.url!.split(":").at(-1);
    expect(flagOf(call, "--publish")).toBe(`127.0.0.1:${outside}:8080`);
    expect(call).not.toContain("--interactive");
    expect(await errorOf(runOf({ port: 8080 }, { network: false }))).toMatchObject({
      code: "invalid_request",
    });
  });

  it("sees the paths that it is given, and none that is kept", async () => {
    const [read, write, kept] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    const { call } = await runOf({}, { readable: [read], writable: [write] });
    const mounts = call.flatMap((word, index) => (word === "--mount" ? [call[index + 1]] : []));
    expect(mounts).toEqual([
      `type=bind,source=${read},target=${read},readonly`,
      `type=bind,source=${write},target=${write}`,
    ]);
    for (const path of [kept, `${read},x`])
      expect(await errorOf(runOf({}, { readable: [path], kept: [kept] }))).toMatchObject({
        code: "invalid_request",
      });
  });

  it("is pulled when the host does not have the image, with lines about it, and only then", async () => {
    const engine = standInEngine();
    const lines: string[] = [];
    const options = { onProgress: (line: string) => lines.push(line) };
    await runOf({}, options, engine);
    await runOf({}, options, engine);
    expect(lines).toEqual([
      `pulling ${image}`,
      "1.0: Pulling from library/x",
      "Downloading 10%",
      "Downloading 100%",
    ]);
    expect(engine.calls().filter(([verb]) => verb === "pull")).toEqual([["pull", image]]);
  });

  it("fails with the engine's words when the image cannot be pulled", async () => {
    const engine = standInEngine({ fails: { pull: "manifest unknown" } });
    expect(await errorOf(runOf({}, {}, engine))).toMatchObject({
      code: "unavailable",
      message: `the image ${image} cannot be pulled: manifest unknown`,
    });
    expect(engine.calls().some(([verb]) => verb === "run")).toBe(false);
  });

  // T147
  it.each(["--privileged", "-v/:/host", "a b", "https://host/x", "x@latest", "", "a\nb"])(
    "is not the image %j",
    async (name) => {
      const engine = standInEngine();
      expect(await errorOf(runOf({ image: name }, {}, engine))).toMatchObject({ code: "invalid_request" });
      expect(engine.calls().some(([verb]) => verb === "run" || verb === "pull")).toBe(false);
    },
  );

  it("may be a package, when that is asked for: in an image with the launcher, its folder and no PATH of the host", async () => {
    const source = { image: undefined, package: "npm:@a/b@1.0.0", args: ["x"] };
    const { call, engine, program } = await runOf(source, { sandbox: "container" });
    expect(call.slice(-6)).toEqual(["npx", "docker.io/library/node:22-slim", "-y", "--", "@a/b@1.0.0", "x"]);
    expect(flagOf(call, "--mount")).toBe(`type=bind,source=${program.folder},target=${program.folder}`);
    expect(flagOf(call, "--user")).toBe(`${process.geteuid!()}:${process.getegid!()}`);
    const { file } = engine.runEnvironment();
    expect(file).toContain(`HOME=${program.folder}\n`);
    expect(file).not.toMatch(/^PATH=/m);
  });
});

describe("the engine of containers", () => {
  it("is removed from a program that has ended, by the container's name", async () => {
    const { call, engine, program } = await runOf({});
    expect(engine.calls().at(-1)).toEqual(["rm", "--force", flagOf(call, "--name")!]);
    expect(readdirSync(program.records)).toEqual([]);
  });

  // Failure mode 113
  it("ends a container that a killed mcpctl has left", async () => {
    const engine = standInEngine();
    const records = temporaryFolder();
    const [marker, name] = [crypto.randomUUID(), `mcpctl-${crypto.randomUUID()}`];
    const path = join(engine.host.env["PATH"]!, "docker");
    const record = {
      marker,
      owner: { pid: 2 ** 22 + 1 },
      outside: { kind: "container", program: path, name },
    };
    await Bun.write(join(records, "a.json"), JSON.stringify(record));
    expect(await sweepLaunches(records, engine.host.env)).toEqual([]);
    expect(engine.calls()).toEqual([["rm", "--force", name]]);
    expect(readdirSync(records)).toEqual([]);
  });

  it("keeps the record of a container that it cannot end, and says so", async () => {
    const engine = standInEngine({ fails: { rm: "cannot connect" } });
    const records = temporaryFolder();
    const program = join(engine.host.env["PATH"]!, "docker");
    const outside = { kind: "container", program, name: "mcpctl-a" };
    const record = { marker: crypto.randomUUID(), owner: { pid: 2 ** 22 + 1 }, outside };
    await Bun.write(join(records, "a.json"), JSON.stringify(record));
    expect(await sweepLaunches(records, {})).toEqual([
      "the container or scope mcpctl-a cannot be ended: cannot connect",
    ]);
    expect(readdirSync(records)).toEqual(["a.json"]);
  });

  it.each([
    [{}, "podman"],
    [{ info: "cannot connect" }, "docker"],
  ])("is Podman where it works, and Docker otherwise: %j", async (fails, expected) => {
    const [podman, docker] = [standInEngine({ program: "podman", fails }), standInEngine()];
    const env = { PATH: `${podman.host.env["PATH"]}:${docker.host.env["PATH"]}` };
    const host = { env, home: "/root", levels: sandboxLevels({ env }) };
    const options = { host, name: "it", sandbox: "auto", folder: temporaryFolder(), kept: [] } as const;
    const { outside } = await prepareLaunch({ image }, options);
    expect(outside!.program.split("/").at(-1)).toBe(expected);
  });

  // T143
  it("is missing: an image is not run, and the error says what to install", async () => {
    const host = { ...standInEngine().host, levels: sandboxLevels({ env: { PATH: temporaryFolder() } }) };
    for (const sandbox of ["auto", "container"] as const)
      expect(await errorOf(runOf({}, { host, sandbox }))).toMatchObject({
        code: "not_supported",
        message: expect.stringContaining("neither podman nor docker is installed"),
        hint: expect.stringContaining("install podman"),
      });
  });

  it("says why Docker does not work", async () => {
    const { host } = standInEngine({ fails: { version: "Cannot connect to the Docker daemon" } });
    expect(await errorOf(runOf({}, { host }))).toMatchObject({
      message: expect.stringContaining("docker does not work: Cannot connect to the Docker daemon"),
    });
  });

  it.each([
    ["an image in another sandbox", { image }, "none"],
    ["a command in a container", { image: undefined, command: ["sh"] }, "container"],
    ["two sources", { command: ["sh"] }, "auto"],
    ["no source", { image: undefined }, "auto"],
  ])("does not run %s", async (_, source, sandbox) => {
    expect(await errorOf(runOf(source, { sandbox }))).toMatchObject({ code: "invalid_request" });
  });
});
