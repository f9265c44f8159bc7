import { existsSync, renameSync, rmSync, utimesSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { openWithModels, userSettings } from "./setup.ts";

const settings = ".claude/settings.json";

/** Somebody whose `mcpctl connect claude` was killed at one of its steps. */
async function killed(step: "token" | "connection" | "settings") {
  const user = await openWithModels();
  const { home, run, write, files } = user;
  write(settings, userSettings);
  await run("claude --llm gpt");
  const fileOf = (end: string) => files().find((name) => name.endsWith(end))!;
  const [token, connection] = [fileOf(".token"), fileOf("claude.json")];
  /** Gives a file the name that it has until all of it is written. */
  const asDraft = (file: string) => {
    const draft = join(home, dirname(file), `.${basename(file)}.${crypto.randomUUID()}`);
    renameSync(join(home, file), draft);
    utimesSync(draft, 0, 0);
    return draft;
  };
  const draft = asDraft({ token, connection, settings }[step]);
  if (step === "token") rmSync(join(home, connection));
  write(settings, userSettings);
  rmSync(join(home, `${settings}.mcpctl-backup`), { force: true });
  return { ...user, draft };
}

describe.each(["token", "connection", "settings"] as const)(
  "a connect that was killed while it wrote its %s (failure mode 284)",
  (step) => {
    it("leaves nothing behind once it is run again, and no second token", async () => {
      const { run, read, tokens, draft } = await killed(step);
      const again = await run("claude --llm gpt");
      expect(again.code).toBe(0);
      expect([existsSync(draft), (await tokens()).length]).toEqual([false, 1]);
      await run("claude --remove");
      expect([read(settings), await tokens()]).toEqual([userSettings, []]);
    });

    it("is undone by --remove, and its token is revoked", async () => {
      const { run, read, tokens, files } = await killed(step);
      const removed = await run("claude --remove");
      expect(removed.code).toBe(0);
      expect(removed.stdout).toMatch(/^token 'claude-gpt-.+' deleted$/m);
      expect([read(settings), await tokens()]).toEqual([userSettings, []]);
      expect(files().filter((name) => name.includes(".token"))).toEqual([]);
    });
  },
);
