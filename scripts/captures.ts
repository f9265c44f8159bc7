import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cell, createPty, keys, type OpenPty } from "../test/support/pseudo-terminal.ts";
import { startProvider } from "./captures/provider.ts";
import { steady } from "./captures/steady.ts";
import { svgOf } from "./captures/svg.ts";

/**
 * Makes the pictures of docs/images: runs the compiled program in a pseudo-terminal, and draws what it shows. Needs
 * dist/mcpctl, and port 11434, on which a scripted Ollama listens meanwhile. Run: bun run captures
 */
const root = join(import.meta.dirname, "..");
const binary = join(root, "dist/mcpctl");
const images = join(root, "docs/images");
const home = mkdtempSync(join(tmpdir(), "mcpctl-captures-"));
const env = {
  ...{ HOME: home, PATH: "/usr/local/bin:/usr/bin:/bin", TERM: "xterm-256color", LANG: "C.UTF-8" },
  ...{ USER: "mia", SHELL: "/bin/sh" },
};

interface Scene {
  /** The name of the picture. */
  name: string;
  title: string;
  /** The words after `mcpctl`. */
  words: readonly string[];
  columns: number;
  rows: number;
  /** Types what a person types; the picture is taken when it returns. Default: waits for the end. */
  act?(pty: OpenPty): Promise<unknown>;
}

/** Runs a command line of the same user, and returns its standard output. */
async function run(words: readonly string[], input = ""): Promise<string> {
  const child = Bun.spawn([binary, ...words], { env, cwd: home, stdin: Buffer.from(input), stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`mcpctl ${words.join(" ")}: ${stderr}`);
  return stdout;
}

async function capture({ name, title, words, columns, rows, act }: Scene): Promise<void> {
  const pty = createPty(columns, rows);
  try {
    const program = pty.start([binary, ...words], env);
    if (act) await act(pty);
    else if ((await program.ended) !== 0) throw new Error(`${name} failed:\n${pty.screen().join("\n")}`);
    await pty.settled();
    const command = `$ mcpctl ${words.join(" ")}`;
    const typed: Cell[] = Array.from(command, (text, i) => ({
      ...{ text, isDim: i === 0, isBold: i > 0, isInverse: false },
    }));
    const screen = [typed, ...pty.cells()].map((row) => steady(row, home));
    writeFileSync(join(images, `${name}.svg`), svgOf(screen, title));
  } finally {
    await pty.close();
  }
}

async function answer(pty: OpenPty, question: string, typed: string): Promise<void> {
  await pty.shows(question);
  pty.type(`${typed}${keys.enter}`);
}

const scenes: Record<string, () => Promise<Scene>> = {
  init: async () => ({
    name: "init",
    title: "mcpctl init finds the models of this machine, calls one, and sets a program up",
    ...{ words: ["init", "--type", "ollama", "--client", "opencode"], columns: 150, rows: 24 },
    async act(pty) {
      await answer(pty, "Number or name [1]:", "");
      await pty.shows("to undo it:");
    },
  }),
  "get-llms": async () => {
    await run(["create", "secret", "openai", "--data", "api-key=-"], "sk-example");
    await run(["create", "secret", "anthropic", "--data", "api-key=-"], "sk-example");
    const llm = (...words: string[]) => run(["create", "llm", ...words, "--skip-auth-check"]);
    await llm("gpt", "--type", "openai", "--model", "gpt-5.6-luna", "--api-key-ref", "openai/api-key");
    const claude = ["--model", "claude-sonnet-5", "--tier", "heavy", "--api-key-ref", "anthropic/api-key"];
    await llm("claude", "--type", "anthropic", ...claude);
    await llm("gemma", "--type", "ollama", "--model", "gemma3:27b", "--url", "http://127.0.0.1:11434");
    await run(["test", "llm", "gemma"]);
    const title = "A table of four models, with their types, states and health";
    return { name: "get-llms", title, words: ["get", "llms"], columns: 92, rows: 12 };
  },
  chat: async () => ({
    name: "chat",
    title: "A question to a model, and its answer",
    ...{ words: ["chat-llm", "gemma"], columns: 92, rows: 16 },
    async act(pty) {
      await pty.shows("/help lists the commands");
      pty.type(`What do I watch out for with webhooks?${keys.enter}`);
      await pty.shows(/done already\.\n.*tokens\)/);
    },
  }),
  audit: async () => {
    const [event] = JSON.parse(await run(["audit", "--action", "llm_inference_call", "-o", "json"])) as {
      requestId: string;
    }[];
    const title = "The story of one call: who, which rule let it in, which model, tokens, time";
    return { name: "audit", title, words: ["audit", event!.requestId], columns: 92, rows: 40 };
  },
  status: async () => {
    const title = "The server, its database, the user, and the models";
    return { name: "status", title, words: ["status"], columns: 92, rows: 30 };
  },
  console: async () => {
    const source = join(root, "scripts/captures/shop-server.ts");
    const program = ["--command", process.execPath, "--command", source, "--read", source];
    await run(["create", "server", "shop", ...program, "--read", process.execPath]);
    await run(["create", "project", "website", "--server", "shop", "--proxy-model", "none"]);
    await run(["wait", "server/shop", "--for=status=ready", "--timeout", "60s"]);
    return {
      name: "console",
      title: "The console: the tools of a project, with the form of one",
      ...{ words: ["console", "website"], columns: 92, rows: 14 },
      act: (pty) => pty.shows("stock_of"),
    };
  },
};

const provider = startProvider();
mkdirSync(images, { recursive: true });
const server = Bun.spawn([binary, "server", "--listen", "127.0.0.1:0"], { env, cwd: home, stderr: "pipe" });
try {
  const log = server.stderr.getReader();
  for (let text = ""; !text.includes("next: "); ) {
    const { value, done } = await log.read();
    if (done) throw new Error(`the server has ended: ${text}`);
    text += new TextDecoder().decode(value);
  }
  log.releaseLock();
  for (const [name, scene] of Object.entries(scenes)) {
    await capture(await scene());
    console.error(`docs/images/${name}.svg`);
  }
} finally {
  server.kill("SIGTERM");
  await server.exited;
  provider.stop();
  rmSync(home, { recursive: true, force: true });
}
