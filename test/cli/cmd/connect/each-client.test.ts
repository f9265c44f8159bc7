import { statSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { connectClients } from "../../../../src/cli/cmd/connect/clients/index.ts";
import { openWithModels, userSettings } from "./setup.ts";

/** Files of clients as people have them, from `~`. */
const existing: Record<string, string> = {
  ".claude/settings.json": userSettings,
  ".codex/config.toml": `# mine
model = "o3" # the good one
approval_policy = "never"

[model_providers.other]
name = "Other"
`,
  ".config/opencode/opencode.json": `{ "$schema": "https://opencode.ai/config.json", "provider": { "other": {} } }\n`,
  ".aider.conf.yml": `# mine
model: sonnet # the good one
read: [a.md]
`,
  ".config/Code/User/chatLanguageModels.json": `[
  // mine
  { "name": "other", "vendor": "openai", "models": [] }
]
`,
  ".continue/config.yaml": `name: Mine
version: 0.0.1
schema: v1
models:
  # the good one
  - name: GPT
    provider: openai
    roles: [chat]

rules:
  - Be brief.
`,
  ".config/zed/settings.json": `// Zed settings
{
  "theme": "One Dark",
  "agent": { "default_model": { "provider": "zed.dev", "model": "x" }, "dock": "left" },
}
`,
};

describe.each(connectClients.filter(({ models }) => models))("mcpctl connect $name", ({ name, models }) => {
  it("changes its own values, keeps the others, and brings everything back to the byte", async () => {
    const { server, home, run, read, write, files, tokens, bearerIn } = await openWithModels();
    const places = { home, cwd: home, env: {}, platform: "linux" as const };
    const access = { url: "u", model: "m", token: "t", tokenFile: "f", ownFile: join(home, ".mcpctl/own") };
    const own = (models!.files?.(access, places) ?? []).map(({ file }) => relative(home, file));
    for (const file of own.filter((one) => existing[one] !== undefined)) write(file, existing[file]!);
    const before = files();
    const first = await run(`${name} --llm gpt`);
    expect({ code: first.code, stderr: first.stderr }).toMatchObject({ code: 0 });
    const token = bearerIn();
    expect(first.stdout + first.stderr).not.toContain(token);
    // The path of an entry of a list is written as people read it.
    expect(first.stdout).not.toMatch(/(changed|created): .*=/);
    expect(first.stdout + files().map(read).join("\n")).toContain(server.url);
    for (const file of files()) {
      const mode = statSync(join(home, file)).mode & 0o777;
      if (read(file).includes(token)) expect({ file, mode }).toEqual({ file, mode: 0o600 });
      for (const line of existing[file]?.split("\n").filter((one) => /#|\/\/ /.test(one)) ?? [])
        expect(read(file)).toContain(/(#|\/\/) .*/.exec(line)![0]);
    }
    const after = new Map(files().map((file) => [file, read(file)]));
    const second = await run(`${name} --llm gpt`);
    expect(second.stdout).not.toMatch(/ (created|changed)/);
    expect(new Map(files().map((file) => [file, read(file)]))).toEqual(after);
    expect(await tokens()).toHaveLength(1);
    await run(`${name} --llm local`);
    expect((await run(`${name} --remove`)).code).toBe(0);
    expect(files()).toEqual(before);
    for (const file of before) expect({ file, text: read(file) }).toEqual({ file, text: existing[file] });
    expect(await tokens()).toEqual([]);
  });
});
