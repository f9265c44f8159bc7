import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { editorWords } from "../../../src/cli/terminal/editor.ts";
import { AppError } from "../../../src/errors.ts";
import type { Resource } from "../../../src/kinds/define.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";
import { fakeTerminal } from "../../support/cli/fake-terminal.ts";

let server: FakeCatalogue;
let claude: Resource;
beforeEach(() => {
  server = new FakeCatalogue();
  claude = server.seed("llms", {
    name: "claude",
    type: "anthropic",
    model: "old",
    poolName: "p",
    description: "d",
  });
});
afterEach(() => server.stop());

/** An editor that runs a script on its file, `$1`. It records the path and the text of the file. */
function editor(script: string) {
  const folder = mkdtempSync(join(tmpdir(), "mcpctl editor "));
  const path = join(folder, "edit.sh");
  const log = join(folder, "log");
  writeFileSync(path, `#!/bin/sh\necho "$1" > "${log}.path"\ncat "$1" >> "${log}"\n${script}\n`);
  chmodSync(path, 0o755);
  return {
    env: { EDITOR: `"${path}"`, PATH: process.env["PATH"] ?? "", TMPDIR: folder },
    shown: () => readFileSync(log, "utf8"),
    file: () => readFileSync(`${log}.path`, "utf8").trim(),
  };
}

function edit(env: Record<string, string>, person = false) {
  return server.run(["edit", "llm", "claude"], {
    env,
    ...(person && { terminal: fakeTerminal({ answers: [] }) }),
  });
}

describe("edit", () => {
  it("shows the YAML below a header, and sends the changes with the version that it has shown", async () => {
    const { env, shown, file } = editor(
      `sed -i 's/^model: old/model: new/; /^poolName/d; /^description/d' "$1"`,
    );
    expect(await edit(env)).toEqual({ code: 0, stdout: "llm 'claude' edited\n", stderr: "" });
    expect(shown()).toMatch(
      /^# Edit llm "claude", save and close the editor\..*\n# Removing a line.*: mcpctl explain llm\n# Cannot be changed: type\.\n# -+\nkind: llm\nname: claude\n/,
    );
    expect(server.writes).toEqual([
      {
        method: "PUT",
        path: `/api/v1/llms/${claude.id}`,
        body: { model: "new", description: null, poolName: null, version: 1 },
      },
    ]);
    expect(existsSync(file())).toBe(false);
  });

  it.each([
    ["left as it was", "true"],
    ["with nothing in it but comments", `sed -i '/^[^#]/d' "$1"`],
    ["with only a comment more", `echo '# hm' >> "$1"`],
  ])("changes nothing if the text is %s", async (_, script) => {
    const { env, file } = editor(script);
    expect(await edit(env)).toEqual({
      code: 0,
      stdout: "",
      stderr: "Edit cancelled, nothing was changed.\n",
    });
    expect(server.writes).toEqual([]);
    expect(existsSync(file())).toBe(false);
  });

  it("keeps the text in a private file if somebody else has changed the object", async () => {
    const { env, file } = editor(`sed -i 's/old/new/' "$1"`);
    server.refuse(
      ({ method }) => method === "PUT",
      new AppError("stale_version", 'llm "claude" has changed since'),
    );
    const { code, stdout, stderr } = await edit(env, true);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `error: llm "claude" has changed since\nhint: nothing was changed; your text is in ${file()}\n`,
    );
    expect(readFileSync(file(), "utf8")).toContain("model: new\n");
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(join(file(), "..")).mode & 0o777).toBe(0o700);
  });

  it("keeps a text that is not valid if there is no terminal", async () => {
    const { env, file } = editor(`sed -i 's/^model:/modle:/' "$1"`);
    const { code, stderr } = await edit(env);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file()}:8:1: modle: unknown field; did you mean "model"?`);
    expect(readFileSync(file(), "utf8").split("\n")[7]).toBe("modle: old");
    expect(stderr).toContain(`your text is in ${file()}`);
    expect(server.writes).toEqual([]);
  });

  it("opens the editor again with the reason at the top on a terminal", async () => {
    const { env, shown, file } = editor(
      `grep -q Refused "$1" && sed -i 's/^modle: old/model: new/' "$1" || sed -i 's/^model:/modle:/' "$1"`,
    );
    expect(await edit(env, true)).toEqual({ code: 0, stdout: "llm 'claude' edited\n", stderr: "" });
    expect(shown()).toMatch(/# Refused: 2 faults; nothing was sent\n# {3}.*:5:1: model: is required\n/);
    expect(server.find("llms", "claude")).toMatchObject({ model: "new", poolName: "p" });
    expect(existsSync(file())).toBe(false);
  });

  it("stops if the text is saved again without a change", async () => {
    const { env, file } = editor(`sed -i 's/^model: .*/model: ""/' "$1"`);
    const { code, stderr } = await edit(env, true);
    expect(code).toBe(1);
    expect(stderr).toContain("model: must not be empty");
    expect(existsSync(file())).toBe(true);
    expect(server.writes).toEqual([]);
  });

  it("refuses another kind or name in the text", async () => {
    const { env } = editor(`sed -i 's/^name: claude/name: other/' "$1"`);
    const { code, stderr } = await edit(env);
    expect(code).toBe(1);
    expect(stderr).toContain('the text must be one llm called "claude"');
    expect(server.writes).toEqual([]);
  });

  it("accepts new values of a secret and prints none", async () => {
    server.seed("secrets", { name: "s", data: { k: "hunter2" } });
    const { env, shown } = editor(`printf 'data:\\n  k: hunter3\\n' >> "$1"`);
    const { stdout, stderr } = await server.run(["edit", "secret/s"], { env });
    expect({ stdout, stderr }).toEqual({ stdout: "secret 's' edited\n", stderr: "" });
    expect(server.writes[0]?.body).toEqual({ data: { k: "hunter3" }, version: 1 });
    expect(shown()).toContain("Never shown, but may be set here: data.");
    expect(shown()).not.toContain("hunter2");
  });

  it("fails if the editor fails or does not exist", async () => {
    const { env, file } = editor("exit 3");
    const failed = await edit(env);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("exited with 3");
    expect(existsSync(file())).toBe(false);
    const missing = await edit({ EDITOR: "/nowhere/ed --wait" });
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('cannot start the editor "/nowhere/ed --wait"');
    expect(server.writes).toEqual([]);
  });
});

describe("editorWords", () => {
  it.each([
    ["code --wait", ["code", "--wait"]],
    [`"/a b/ed" -c 'set x'`, ["/a b/ed", "-c", "set x"]],
    ["/a\\ b/ed  -w", ["/a b/ed", "-w"]],
    [`ed "a \\"b\\""`, ["ed", 'a "b"']],
    ["ed; rm -rf $HOME `x`", ["ed;", "rm", "-rf", "$HOME", "`x`"]],
  ])("%s", (command, words) => {
    expect(editorWords(command)).toEqual(words);
  });
});
