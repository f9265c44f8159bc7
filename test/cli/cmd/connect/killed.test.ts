import { existsSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { cli } from "../../../support/cli/run-cli.ts";
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

describe("a connect that was killed between the making of a token and its file (failure mode 287)", () => {
  /** Somebody whose connect ended without the answer of the server that had made the token. */
  async function lostToken() {
    const user = await openWithModels();
    const { home, server, bearer, files, tokens } = user;
    let isUp = false;
    const proxy = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const { pathname, search } = new URL(request.url);
        const answer = await fetch(`${server.url}${pathname}${search}`, request);
        const isLost = !isUp && request.method === "POST" && pathname === "/api/v1/tokens";
        return isLost ? new Response("the proxy lost it", { status: 502 }) : answer;
      },
    });
    onTestFinished(() => proxy.stop(true));
    const connect = (line: string) =>
      cli(`connect ${line}`, {
        server: { url: proxy.url.origin },
        home: join(home, ".mcpctl"),
        env: { HOME: home, MCPCTL_TOKEN: bearer },
      });
    expect((await connect("claude --llm gpt")).code).toBe(1);
    const announcements = () => files().filter((name) => name.includes(".token.name."));
    const made = await tokens();
    expect([made.length, announcements().length]).toEqual([1, 1]);
    const stopLosing = () => {
      isUp = true;
    };
    return { ...user, connect, announcements, made: made[0]!.name, stopLosing };
  }

  it("revokes it when it is run again a minute later", async () => {
    const { home, connect, announcements, made, tokens, stopLosing } = await lostToken();
    stopLosing();
    for (const name of announcements()) utimesSync(join(home, name), 0, 0);
    expect((await connect("claude --llm gpt")).code).toBe(0);
    const left = await tokens();
    expect([left.length, left[0]!.name === made, announcements()]).toEqual([1, false, []]);
  });

  it("revokes it with --remove, at once", async () => {
    const { connect, announcements, made, tokens, stopLosing } = await lostToken();
    stopLosing();
    expect((await connect("claude --remove")).stdout).toContain(`token '${made}' deleted\n`);
    expect([await tokens(), announcements()]).toEqual([[], []]);
  });

  it("keeps the token that has its file, though the name is still written down", async () => {
    const { home, connect, made, tokens, stopLosing, read, files } = await lostToken();
    stopLosing();
    await connect("claude --llm gpt");
    const file = files().find((name) => name.endsWith(".token"))!;
    const kept = (await tokens()).map(({ name }) => name).find((name) => name !== made)!;
    const note = join(home, dirname(file), `.${basename(file)}.name.${crypto.randomUUID()}`);
    writeFileSync(note, `${kept}\n`, { mode: 0o600 });
    utimesSync(note, 0, 0);
    const bearer = read(file);
    expect((await connect("claude --llm gpt")).code).toBe(0);
    expect([read(file), existsSync(note)]).toEqual([bearer, false]);
  });

  it("leaves no name when the server refuses to make a token", async () => {
    const { home, server, announcements } = await lostToken();
    const { bearer } = await server.user("carol", [
      { role: "view", resource: "llms" },
      { role: "run", resource: "llms" },
    ]);
    const before = announcements();
    const refused = await cli("connect codex --llm gpt", {
      server,
      home: join(home, ".mcpctl"),
      env: { HOME: home, MCPCTL_TOKEN: bearer },
    });
    expect([refused.code, announcements()]).toEqual([4, before]);
  });
});
