import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { hostProgram } from "../../../src/processes/launch/program-source.ts";
import { errorOf } from "../../support/error-of.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Makes an executable file. */
function program(path: string, text = "#!/bin/sh\n"): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

describe("the program of a package", () => {
  it("is npx, where the host has it", () => {
    const folder = temporaryFolder();
    const [npx] = ["npx", "bunx"].map((name) => program(join(folder, "bin", name)));
    const found = hostProgram(
      { package: "npm:@a/b@1.0.0", args: ["--stdio", "x"] },
      join(folder, "bin"),
      "/root",
    );
    expect(found.argv).toEqual([npx, "-y", "--", "@a/b@1.0.0", "--stdio", "x"]);
  });

  it("is bunx, where the host has no npx", () => {
    const folder = temporaryFolder();
    const bunx = program(join(folder, "bunx"));
    expect(hostProgram({ package: "npm:b@1.0.0" }, folder, "/root").argv).toEqual([
      bunx,
      "--silent",
      "--bun",
      "b@1.0.0",
    ]);
  });

  it("is uvx, or pipx, for packages of PyPI", () => {
    const folder = temporaryFolder();
    const source = { package: "pypi:b[cli]==1.0", args: ["-v"] };
    const pipx = program(join(folder, "pipx"));
    expect(hostProgram(source, folder, "/root").argv).toEqual([
      pipx,
      "run",
      "--spec",
      "b[cli]==1.0",
      "b",
      "-v",
    ]);
    const uvx = program(join(folder, "uvx"));
    expect(hostProgram(source, folder, "/root").argv).toEqual([
      uvx,
      "--from",
      "b[cli]==1.0",
      "--",
      "b",
      "-v",
    ]);
  });

  it.each([
    ["npm:b@1.0.0", "npx or bunx", "Node.js"],
    ["pypi:b==1.0", "uvx or pipx", "uv"],
  ])(
    "is missing for %s: the error names the launchers and what to install",
    async (name, launchers, install) => {
      const error = await errorOf(() => hostProgram({ package: name }, temporaryFolder(), "/root"));
      expect(error).toMatchObject({
        code: "not_supported",
        message: expect.stringContaining(launchers),
        hint: expect.stringContaining(install),
      });
    },
  );
});

describe("the program of a command", () => {
  it("is looked for in PATH, and its arguments stay as they are", () => {
    const folder = temporaryFolder();
    const path = program(join(folder, "tool"));
    const words = ["a b", "$(id)", ";", "--x"];
    expect(hostProgram({ command: ["tool", ...words], args: ["y"] }, folder, "/root").argv).toEqual([
      path,
      ...words,
      "y",
    ]);
  });

  it.each([
    [["tool"], "not_supported", "the program tool is not on this host"],
    [["/no/such/tool"], "not_supported", "the program /no/such/tool is not on this host"],
    [["./tool"], "not_supported", "the program ./tool is not on this host"],
    [[], "invalid_request", "the command is empty"],
    [["sh", "a\0b"], "invalid_request", "a word of the command contains a NUL character"],
  ])("%j is refused", async (command, code, message) => {
    const folder = temporaryFolder();
    program(join(folder, "sh"));
    expect(await errorOf(() => hostProgram({ command }, folder, "/root"))).toMatchObject({ code, message });
  });

  it("is not a file that nobody may run, nor one of the current folder", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "tool"), "");
    expect(await errorOf(() => hostProgram({ command: ["tool"] }, `${folder}:.:`, "/root"))).toMatchObject({
      code: "not_supported",
    });
  });
});

describe("the files that a program needs", () => {
  const home = "/home/someone";

  it("are none for programs of the system, which every sandbox shows", () => {
    expect(hostProgram({ command: ["/bin/sh", "-c", "true"] }, "/bin", home).readable).toEqual([]);
  });

  it("are the folder of a version manager, with the interpreter of its first line", () => {
    const folder = temporaryFolder();
    const node = program(join(folder, ".nvm/versions/node/v22/bin/node"));
    const script = program(join(folder, "tools/bin/serve"), "#!/usr/bin/env -S node --no-warnings\n");
    mkdirSync(join(folder, "tools/lib"));
    const { readable } = hostProgram({ command: [script] }, dirname(node), home);
    expect(readable).toEqual([
      script,
      join(folder, "tools/bin"),
      join(folder, "tools/lib"),
      join(folder, ".nvm"),
    ]);
  });

  it("are only the file itself in a folder that many programs share", () => {
    const folder = temporaryFolder();
    const path = program(join(folder, ".local/bin/tool"));
    mkdirSync(join(folder, ".local/lib"));
    expect(hostProgram({ command: [path] }, "", folder).readable).toEqual([path]);
    const inHome = program(join(folder, "bin/tool"));
    expect(hostProgram({ command: [inHome] }, "", folder).readable).toEqual([inHome]);
  });

  it("are the program behind a link too", () => {
    const folder = temporaryFolder();
    const real = program(join(folder, "real"));
    symlinkSync(real, join(folder, "link"));
    expect(hostProgram({ command: [join(folder, "link")] }, "", home).readable).toEqual([
      join(folder, "link"),
      real,
    ]);
  });

  it("are the project of the script that an interpreter runs, but never a whole home", () => {
    const folder = temporaryFolder();
    const script = program(join(folder, "project/src/server.js"));
    writeFileSync(join(folder, "project/package.json"), "{}");
    const words = ["/bin/sh", "-x", script, "/etc/passwd"];
    expect(hostProgram({ command: words }, "", home).script).toBe(join(folder, "project"));
    const alone = program(join(folder, "alone.js"));
    expect(hostProgram({ command: ["/bin/sh", alone] }, "", folder).script).toBe(alone);
  });

  it("are the project of a script that stands in args, where the program is an interpreter", () => {
    const folder = temporaryFolder();
    const data = program(join(folder, "data/notes.txt"));
    const script = program(join(folder, "project/server.js"));
    const scriptOf = (name: string, command: string[], args: string[]) =>
      hostProgram({ command: [program(join(folder, "bin", name)), ...command], args }, "", home).script;
    const project = join(folder, "project");
    for (const name of ["node", "bun", "python3.12", "uv"]) {
      expect(scriptOf(name, [], ["--quiet", script, data])).toBe(project);
      expect(scriptOf(name, ["run"], [script, data])).toBe(project);
    }
    // The folder of what another program works with is not given to it.
    expect(scriptOf("server", [], [data])).toBeUndefined();
  });

  it("are not the paths that the script works with, nor those of args", () => {
    const path = program(join(temporaryFolder(), "file"));
    const source = { command: ["/bin/sh", "script.sh", path], args: [path] };
    expect(hostProgram(source, "", home)).toMatchObject({ readable: [], script: undefined });
  });
});
