import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, cleanEnv, freshFolder, textOf } from "./binary.ts";
import { fences } from "./fences.ts";

/** One command of a transcript, and what stands under it. */
interface Step {
  command: string;
  output: string[];
}

/** The commands of a `console` block: behind `$ `, going on behind `> `. What follows is their output. */
function steps(lines: readonly string[]): Step[] {
  const found: Step[] = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (line.startsWith("$ ")) found.push({ command: line.slice(2), output: [] });
    else if (!last) throw new Error(`a transcript begins with a command, not with: ${line}`);
    else if (line.startsWith("> ")) last.command += `\n${line.slice(2)}`;
    else last.output.push(line);
  }
  return found;
}

/** The files a page shows: a block whose first line is a comment with a file's name. */
function files(page: string): { name: string; text: string }[] {
  return fences(page).flatMap(({ lines }) => {
    const name = /^(?:\/\/|#) ([\w/-]+\.(?:mjs|yaml))$/.exec(lines[0] ?? "")?.[1];
    return name === undefined ? [] : [{ name, text: `${lines.join("\n")}\n` }];
  });
}

/** Expected and actual outcome of a command. They are equal when it did as the page says. */
export interface Done {
  command: string;
  shown: string[];
  came: string[];
  /** The very text. */
  raw: string;
}

export interface Session {
  /** `~` of the reader. */
  home: string;
  env?: Record<string, string>;
  /** Texts of the page, and what they are in a test. All that differs from what a reader types. */
  substitutions: Readonly<Record<string, string>>;
}

/**
 * Does what a page says, in one shell and in a folder with `dist/mcpctl` and what is installed. Returns
 * each command with the lines that the page shows and those that came.
 */
export async function follow(page: string, { home, env, substitutions }: Session): Promise<Done[]> {
  const root = join(import.meta.dirname, "../..");
  const substituted = (text: string) =>
    Object.entries(substitutions).reduce((all, [typed, tested]) => all.replaceAll(typed, tested), text);
  const folder = freshFolder();
  mkdirSync(join(folder, "dist"));
  symlinkSync(binary, join(folder, "dist/mcpctl"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  for (const { name, text } of files(page)) writeFileSync(join(folder, name), substituted(text));

  const said = fences(page)
    .filter(({ language }) => language === "console")
    .flatMap(({ lines }) => steps(lines));
  const script = said.map(({ command }) => `${substituted(command)}\nprintf '\\036'\n`).join("");
  const shell = Bun.spawn(["bash", "-c", `exec 2>&1\n${script}`], {
    cwd: folder,
    env: cleanEnv(home, env),
    stdin: "ignore",
    stdout: "pipe",
  });
  const came = (await textOf(shell.stdout)).split("\x1e");
  return said.map(({ command, output }, i) => {
    const raw = came[i] ?? "";
    const lines = asShown(raw, output, substituted);
    // Several programs of a line write at the same time: nobody knows whose line is first.
    const isSame =
      command.includes(" | ") &&
      lines.toSorted().join("\n") === output.map(substituted).toSorted().join("\n");
    return { command, shown: output, came: isSame ? output : lines, raw };
  });
}

/**
 * Returns the output in the words of the page if the page allows for it: `…` is any text of a line, and alone on its line
 * any lines. In a line with `…` columns may be further apart.
 */
function asShown(came: string, shown: string[], substituted: (text: string) => string): string[] {
  const text = came.replace(/\n$/, "");
  const pattern = shown
    .map((line) => (line.trim() === "…" ? "[^]*" : linePattern(substituted(line))))
    .join("\n");
  if (new RegExp(`^${pattern}$`).test(text)) return shown;
  return text === "" ? [] : text.split("\n");
}

function linePattern(line: string): string {
  if (!line.includes("…")) return RegExp.escape(line);
  return line
    .split(/(…| {2,})/)
    .map((part) => (part === "…" ? ".*" : part.startsWith("  ") ? " {2,}" : RegExp.escape(part)))
    .join("");
}
