import { AppError } from "../../../errors.ts";
import { nearest } from "../../../kinds/names.ts";
import { escapeLine } from "../../../wire/text.ts";
import type { Context } from "../../core/context.ts";
import type { Conversation } from "./conversation.ts";
import { paramOf } from "./params.ts";
import { saveTranscript } from "./transcript.ts";

/** A command of the conversation: a line that begins with a slash. */
interface Command {
  usage: string;
  summary: string;
  run(rest: string, conversation: Conversation, context: Context): void | "quit" | Promise<void>;
}

const commands: Readonly<Record<string, Command>> = {
  set: {
    usage: "/set [NAME [VALUE]]",
    summary: "set a parameter, such as temperature 0.2; without a value, remove it",
    run(rest, { params }, { terminal }) {
      const [name = "", ...more] = rest.split(/\s+/);
      const text = rest.slice(name.length).trim();
      if (name === "") {
        const lines = [...params].map(([key, value]) => `${key} ${JSON.stringify(value)}\n`);
        return terminal.err(lines.join("") || "no parameter is set\n");
      }
      if (more.length === 0) {
        params.delete(name);
        return terminal.err(`${escapeLine(name)} is no longer set\n`);
      }
      params.set(...paramOf(name, text));
    },
  },
  system: {
    usage: "/system [TEXT]",
    summary: "set a system prompt for the next answers; without a text, remove it",
    run(rest, conversation) {
      conversation.system = rest === "" ? undefined : rest;
    },
  },
  clear: {
    usage: "/clear",
    summary: "forget the conversation; a thread is kept, and a new one begins",
    run(_, conversation, { terminal }) {
      conversation.clear();
      terminal.err("the conversation is forgotten\n");
    },
  },
  save: {
    usage: "/save [--force] FILE",
    summary: "write the conversation to a file, as JSON if its name ends in .json, otherwise as markdown",
    run(rest, conversation, { terminal, cwd }) {
      const force = /^--force\s/.test(rest);
      const path = force ? rest.replace(/^--force\s+/, "") : rest;
      if (path === "") throw new AppError("usage", "/save needs the name of a file");
      terminal.err(`saved to ${escapeLine(saveTranscript(conversation, path, cwd, force))}\n`);
    },
  },
  thread: {
    usage: "/thread [new|ID]",
    summary: "show the thread that the server keeps; begin one, or continue one",
    async run(rest, conversation, { terminal }) {
      if (rest !== "" && conversation.partner.kind !== "agent")
        throw new AppError("usage", "only personas have threads: use mcpctl chat");
      if (rest === "new") {
        conversation.clear();
        conversation.thread = "new";
      } else if (rest !== "") await conversation.resume(rest);
      if (conversation.thread === undefined) terminal.err("the server does not keep this conversation\n");
      else if (conversation.thread === "new") terminal.err("your next message begins a thread\n");
      else
        terminal.err(`thread ${escapeLine(conversation.thread)}, ${conversation.messages.length} messages\n`);
    },
  },
  help: {
    usage: "/help",
    summary: "show these commands",
    run(_rest, _conversation, { terminal }) {
      const width = Math.max(...Object.values(commands).map(({ usage }) => usage.length));
      const lines = Object.values(commands).map(
        ({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}\n`,
      );
      terminal.err(
        `${lines.join("")}A line that ends in \\ continues on the next one. Ctrl-C stops an answer.\n`,
      );
    },
  },
  quit: { usage: "/quit", summary: "leave; Ctrl-D does the same", run: () => "quit" },
};

/** Words by which other programs are left. */
const leaving = ["exit", "bye", "q"];

/**
 * Runs the command in a line that begins with a slash.
 *
 * @returns true if the conversation is over
 * @throws AppError `usage` that suggests the nearest command
 */
export async function runCommand(
  line: string,
  conversation: Conversation,
  context: Context,
): Promise<boolean> {
  const [, name = "", rest = ""] = /^\/(\S*)\s*([\s\S]*)$/.exec(line.trim()) ?? [];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command) return (await command.run(rest, conversation, context)) === "quit";
  if (leaving.includes(name)) return true;
  const near = nearest(name, Object.keys(commands));
  throw new AppError("usage", `unknown command /${name}`, {
    hint: near ? `did you mean /${near}?` : "to see all commands: /help",
  });
}
