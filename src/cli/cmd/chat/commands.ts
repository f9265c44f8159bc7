import { AppError } from "../../../errors.ts";
import { nearest } from "../../../kinds/names.ts";
import type { Context } from "../../core/context.ts";
import { escapeLine } from "../../output/escape.ts";
import { paramOf } from "./params.ts";
import type { Talk } from "./talk.ts";
import { saveTranscript } from "./transcript.ts";

/** What a line that begins with a slash asks for. */
interface Command {
  usage: string;
  summary: string;
  run(rest: string, talk: Talk, context: Context): void | "quit" | Promise<void>;
}

const commands: Readonly<Record<string, Command>> = {
  set: {
    usage: "/set [NAME [VALUE]]",
    summary: "set a parameter, such as temperature 0.2; without a value it is left to the model",
    run(rest, { params }, { terminal }) {
      const [name = "", ...more] = rest.split(/\s+/);
      const text = rest.slice(name.length).trim();
      if (name === "") {
        const lines = [...params].map(([key, value]) => `${key} ${JSON.stringify(value)}\n`);
        return terminal.err(lines.join("") || "nothing is set\n");
      }
      if (more.length === 0) {
        params.delete(name);
        return terminal.err(`${escapeLine(name)} is left to the model\n`);
      }
      params.set(...paramOf(name, text));
    },
  },
  system: {
    usage: "/system [TEXT]",
    summary: "tell the model something before all else; without a text, nothing",
    run(rest, talk) {
      talk.system = rest === "" ? undefined : rest;
    },
  },
  clear: {
    usage: "/clear",
    summary: "forget what was said; a thread is kept, and another one begun",
    run(_, talk, { terminal }) {
      talk.clear();
      terminal.err("what was said is forgotten\n");
    },
  },
  save: {
    usage: "/save [--force] FILE",
    summary: "write the conversation to a file: JSON where its name ends in .json, else markdown",
    run(rest, talk, { terminal, cwd }) {
      const force = /^--force\s/.test(rest);
      const path = force ? rest.replace(/^--force\s+/, "") : rest;
      if (path === "") throw new AppError("usage", "/save needs a file");
      terminal.err(`saved to ${escapeLine(saveTranscript(talk, path, cwd, force))}\n`);
    },
  },
  thread: {
    usage: "/thread [new|ID]",
    summary: "show the thread that the server keeps this in; begin one, or go on in one",
    async run(rest, talk, { terminal }) {
      if (rest !== "" && talk.partner.kind !== "agent")
        throw new AppError("usage", "threads are kept for agents, not for llms");
      if (rest === "new") {
        talk.clear();
        talk.thread = "new";
      } else if (rest !== "") await talk.resume(rest);
      if (talk.thread === undefined) terminal.err("the server keeps nothing of this\n");
      else if (talk.thread === "new") terminal.err("a thread begins with what you say next\n");
      else terminal.err(`thread ${escapeLine(talk.thread)}, ${talk.messages.length} messages\n`);
    },
  },
  help: {
    usage: "/help",
    summary: "show this",
    run(_rest, _talk, { terminal }) {
      const width = Math.max(...Object.values(commands).map(({ usage }) => usage.length));
      const lines = Object.values(commands).map(
        ({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}\n`,
      );
      terminal.err(`${lines.join("")}A line that ends in \\ goes on in the next. Ctrl-C stops an answer.\n`);
    },
  },
  quit: { usage: "/quit", summary: "leave; so does Ctrl-D", run: () => "quit" },
};

/**
 * Does what a line that begins with a slash says.
 *
 * @returns whether the conversation is over
 * @throws AppError `usage` that suggests the nearest command
 */
export async function runCommand(line: string, talk: Talk, context: Context): Promise<boolean> {
  const [, name = "", rest = ""] = /^\/(\S*)\s*([\s\S]*)$/.exec(line.trim()) ?? [];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command) return (await command.run(rest, talk, context)) === "quit";
  const near = nearest(name, Object.keys(commands));
  throw new AppError("usage", `unknown command /${name}`, {
    hint: near ? `did you mean /${near}?` : "/help shows them all",
  });
}
