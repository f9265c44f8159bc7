import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type BinaryServer, binary, cleanEnv, freshFolder, startBinary } from "../support/binary.ts";
import { keys, openPty, type Pty } from "../support/pty.ts";
import { goodProvider, reply, type Script, upstream } from "../support/upstream.ts";

const key = "sk-right-0123456789";

/** A server, a provider that accepts one key, and a terminal in which `mcpctl init` runs. */
async function open(home = freshFolder()) {
  const waiting: (() => void)[] = [];
  const state = { holds: false };
  const answer: Script = (asked, connection) => {
    if (asked.headers["authorization"] === `Bearer ${key}`) return goodProvider(asked, connection);
    connection.write(reply(401, { error: { message: "Incorrect API key", code: "invalid_api_key" } }));
  };
  const provider = upstream((asked, connection) => {
    if (!state.holds) return answer(asked, connection);
    waiting.push(() => answer(asked, connection));
  });
  const server = await startBinary({ home });
  const pty = openPty(100, 60);
  const start = (...more: string[]) => startIn(pty, ...more);
  const startIn = (terminal: Pty, ...more: string[]) =>
    terminal.start([binary, "init", "--provider-url", provider.url, ...more], {
      ...cleanEnv(home, { TERM: "xterm-256color" }),
    });
  return { server, provider, pty, start, startIn, home, state, waiting };
}

async function namesOf(server: BinaryServer): Promise<string[]> {
  const all = await Promise.all(
    ["llms", "secrets", "tokens"].map((plural) => server.admin("GET", `/api/v1/${plural}`)),
  );
  return all.flatMap(({ body }) => body.map(({ name }: { name: string }) => name));
}

async function answer(pty: Pty, question: string | RegExp, typed: string): Promise<void> {
  await pty.shows(question);
  pty.type(`${typed}${keys.enter}`);
}

it("mcpctl init asks, asks for a refused key again, sets a program up, and shows no key; a second run adds nothing", async () => {
  const { server, pty, start, home } = await open();
  const before = await pty.modes();
  const program = start();
  await answer(pty, /Where is the model\?[\s\S]*Number or name \[\d+\]: $/m, "openai");
  await answer(pty, "Model of openai [gpt-5.6-luna]:", "");
  await answer(pty, "API key of openai:", "sk-wrong-0123456789");
  await answer(pty, /the provider rejected the credential[\s\S]*API key of openai: *$/m, key);
  await answer(pty, /Which program do you use\?[\s\S]*Number or name \[\d+\]: *$/m, "claude");
  expect(await program.ended).toBe(0);
  expect(await pty.modes()).toEqual(before);
  expect(pty.output()).not.toMatch(/sk-(right|wrong)/);
  expect(await namesOf(server)).toEqual([
    "gpt-5-6-luna",
    "openai",
    expect.stringMatching(/^claude-gpt-5-6-luna-/),
  ]);
  const settings = readFileSync(join(home, ".claude/settings.json"), "utf8");
  expect(JSON.parse(settings)).toMatchObject({ model: "gpt-5-6-luna" });

  const made = await namesOf(server);
  const again = start("--type", "openai", "--model", "gpt-5.6-luna", "--client", "claude");
  expect(await again.ended).toBe(0);
  expect(pty.output()).toContain("llm 'gpt-5-6-luna' is there already");
  expect(await namesOf(server)).toEqual(made);
  expect(readFileSync(join(home, ".claude/settings.json"), "utf8")).toBe(settings);
});

it("Ctrl-C at each question, and while the model is called, leaves nothing half made (failure mode 206)", async () => {
  const { server, pty: first, startIn, home, state, waiting } = await open();
  const before = await first.modes();
  const asked = ["--type", "openai", "--model", "gpt-5.6-luna"];
  const moments: [string, string[], (pty: Pty) => Promise<unknown>][] = [
    ["the provider", [], (pty) => pty.shows("Where is the model?")],
    ["the model", ["--type", "openai"], (pty) => pty.shows("Model of openai")],
    ["the key", asked, (pty) => pty.shows("API key of openai:")],
    [
      "half a key",
      asked,
      async (pty) => {
        await pty.shows("API key of openai:");
        pty.type("sk-ri");
      },
    ],
    [
      "the call",
      asked,
      async (pty) => {
        state.holds = true;
        await answer(pty, "API key of openai:", key);
        await expect.poll(() => waiting.length).toBeGreaterThan(0);
      },
    ],
  ];
  for (const [name, words, reached] of moments) {
    const pty = openPty(100, 60);
    const program = startIn(pty, ...words);
    await reached(pty);
    pty.type(keys.interrupt);
    expect([name, await program.ended]).toEqual([name, 130]);
    expect(await namesOf(server), name).toEqual([]);
    expect(await pty.modes(), name).toEqual(before);
  }
  expect(existsSync(join(home, ".claude"))).toBe(false);
  expect(readdirSync(join(home, ".mcpctl"))).not.toContain("tokens");
});

it("Ctrl-C at the question for the program leaves the model, which works, and no token; the next run goes on", async () => {
  const { server, pty, start, home } = await open();
  const program = start("--type", "openai", "--model", "gpt-5.6-luna");
  await answer(pty, "API key of openai:", key);
  await pty.shows("Which program do you use?");
  pty.type(keys.interrupt);
  expect(await program.ended).toBe(130);
  expect(await namesOf(server)).toEqual(["gpt-5-6-luna", "openai"]);
  expect(existsSync(join(home, ".mcpctl/tokens"))).toBe(false);
  const again = start("--type", "openai", "--model", "gpt-5.6-luna");
  await answer(pty, /is there already[\s\S]*Number or name \[\d+\]: *$/m, "none");
  expect(await again.ended).toBe(0);
  expect(await namesOf(server)).toEqual(["gpt-5-6-luna", "openai"]);
});
