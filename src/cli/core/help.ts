import { typedFormats } from "../output/format.ts";
import type { Arg, Args, Commands, CommandVerb } from "./command.ts";
import { globalArgs } from "./globals.ts";
import { aliasesOf } from "./parse.ts";

const rootAbout = `"mcpctl server" keeps a catalogue of llms with their provider keys, decides who may call which, and passes
 requests on to the providers. "mcpctl agent" publishes the models of a workstation there. All other verbs work on
 the catalogue, as kubectl does on a cluster.`;

/** The help of `mcpctl` itself: the verbs in groups, then the global flags. */
export function rootHelp(commands: Commands): string {
  return [
    "mcpctl gives every program you own one address and one token for all your language models.",
    wrapped(rootAbout),
    "Usage:  mcpctl VERB [flags]",
    ...verbLists(commands),
    ["Global flags, before or after the verb:", ...flagLines(globalArgs)].join("\n"),
    "For one verb: mcpctl help VERB. Topics: mcpctl help flags | environment | exit-codes\n",
  ].join("\n\n");
}

/**
 * The help of one verb: a sentence, a paragraph, the usage, examples, and its flags.
 *
 * @param path the words that lead to it: `config use-context`
 * @param args its arguments, with those that depend on the kind
 */
export function verbHelp(path: string, verb: CommandVerb, args: Args): string {
  const { meta } = verb;
  const own = Object.fromEntries(Object.entries(args).filter(([, arg]) => arg.type !== "positional"));
  const blocks = [`${meta.description}.`];
  if (meta.about) blocks.push(wrapped(meta.about));
  blocks.push(usageLine(path, verb, args));
  const examples = (meta.examples ?? []).map(([command, purpose]) => `  # ${purpose}\n  ${command}`);
  if (examples.length > 0) blocks.push(`Examples:\n${examples.join("\n\n")}`);
  if (verb.verbs) blocks.push(...verbLists(verb.verbs));
  if (Object.keys(own).length > 0) blocks.push(["Flags:", ...flagLines(own)].join("\n"));
  if (verb.output && own["output"] === undefined)
    blocks.push(`Output formats:  -o ${typedFormats(verb.output).join("|")}`);
  const hasOutput = verb.output !== undefined || verb.act === undefined;
  const shown = Object.entries<Arg>(globalArgs)
    .filter(([name, arg]) => name !== "help" && own[name] === undefined && !arg.hidden)
    .filter(([name]) => name !== "output" || hasOutput)
    .map(([name]) => name);
  blocks.push(`Global flags:  ${shown.map((name) => `--${name}`).join(", ")}   (see: mcpctl help flags)`);
  return `${blocks.join("\n\n")}\n`;
}

/** Returns the line `Usage:  mcpctl get KIND [NAME...] [flags]`. */
export function usageLine(path: string, verb: CommandVerb, args: Args): string {
  if (verb.meta.usage !== undefined) return `Usage:  mcpctl ${path} ${verb.meta.usage}`.trimEnd();
  if (verb.verbs) return `Usage:  mcpctl ${path} ${verb.act ? "[VERB]" : "VERB"} [flags]`;
  const words = Object.entries(args).flatMap(([name, arg]) => {
    if (arg.type !== "positional") return [];
    const word = (arg.valueHint ?? name.toUpperCase()) + (arg.multiple ? "..." : "");
    return [arg.required === false || arg.default !== undefined ? `[${word}]` : word];
  });
  return `Usage:  ${["mcpctl", path, ...words, "[flags]"].join(" ")}`;
}

/** Flags as aligned lines: `  -w, --watch          Follow changes`. */
export function flagLines(args: Args): string[] {
  const shown = Object.entries(args).filter(([, arg]) => !arg.hidden);
  return columns(shown.map(([name, arg]) => [flagText(name, arg), flagDescription(arg)]));
}

/** Returns a flag as it is typed: `-o, --output FORMAT`. */
export function flagText(name: string, arg: Arg): string {
  const short = [name, ...aliasesOf(arg)].find((word) => word.length === 1);
  const long = [name, ...aliasesOf(arg)].find((word) => word.length > 1);
  const flag = `${short === undefined ? "   " : `-${short}`}${long === undefined ? "" : `${short === undefined ? " " : ", "}--${long}`}`;
  if (arg.type === "boolean") return flag;
  return `${flag} ${arg.options?.join("|") ?? arg.valueHint ?? "VALUE"}`;
}

/** Returns the description of a flag, with its default. */
export function flagDescription(arg: Arg): string {
  const notes = [
    arg.multiple && "repeatable",
    arg.required === true && "required",
    arg.default !== undefined && arg.default !== false && `default ${arg.default}`,
  ].filter((note) => typeof note === "string");
  return `${arg.description ?? ""}${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`.trim();
}

/** Verbs under the headings of their groups, with all summaries in one column. */
function verbLists(commands: Commands): string[] {
  const shown = Object.entries(commands).filter(([, entry]) => !entry.hidden);
  const lines = columns(shown.map(([name, entry]) => [name, entry.summary]));
  const groups = Map.groupBy(shown.keys(), (i) => shown[i]![1].group ?? "Verbs");
  return [...groups].map(([group, indices]) => [`${group}:`, ...indices.map((i) => lines[i])].join("\n"));
}

/** Two columns, the first as wide as its widest cell. A cell beyond the limit moves only its own line. */
function columns(rows: readonly (readonly [string, string])[], limit = 44): string[] {
  const widths = rows.map(([left]) => left.length).filter((width) => width <= limit);
  const width = Math.max(0, ...widths);
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd());
}

/** Paragraphs with lines of at most 80 characters. */
function wrapped(text: string): string {
  const lines = (paragraph: string) => {
    let line = "";
    const done: string[] = [];
    for (const word of paragraph.trim().split(/\s+/)) {
      if (line !== "" && line.length + 1 + word.length > 80) {
        done.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    return [...done, line].join("\n");
  };
  return text
    .split(/\n\s*\n/)
    .map(lines)
    .join("\n\n");
}
