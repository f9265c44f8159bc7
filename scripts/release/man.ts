import { scripts } from "../../src/cli/cmd/completion.ts";
import { topics } from "../../src/cli/cmd/help.ts";
import type { Args, Commands, CommandVerb } from "../../src/cli/core/command.ts";
import type { Context } from "../../src/cli/core/context.ts";
import { globalArgs } from "../../src/cli/core/globals.ts";
import { flagDescription, flagText, usageLine } from "../../src/cli/core/help.ts";
import { kinds } from "../../src/kinds/index.ts";
import { allowsWrite } from "../../src/kinds/writes.ts";
import type { Member } from "./tar.ts";

/** The top and the bottom of every manual page. */
export interface Edition {
  version: string;
  date: Date;
}

/** Manual pages in man(7), one for each verb and one for `mcpctl` itself: `man/man1/mcpctl-get.1`. */
export async function manualPages(commands: Commands, edition: Edition): Promise<Member[]> {
  const pages = await pagesOf(commands, [], edition);
  return [rootPage(commands, edition), ...pages].map(({ name, text }) => ({
    path: `man/man1/${name}.1`,
    content: text,
  }));
}

/** The completion scripts under the names that the shells look for. */
export function completions(): Member[] {
  const names: Record<keyof typeof scripts, string> = {
    bash: "mcpctl.bash",
    zsh: "_mcpctl",
    fish: "mcpctl.fish",
    powershell: "mcpctl.ps1",
  };
  return Object.entries(names).map(([shell, name]) => ({
    path: `completions/${name}`,
    content: scripts[shell as keyof typeof scripts],
  }));
}

interface Page {
  name: string;
  text: string;
}

async function pagesOf(commands: Commands, path: string[], edition: Edition): Promise<Page[]> {
  const pages: Page[] = [];
  for (const [name, entry] of Object.entries(commands)) {
    if (entry.hidden) continue;
    const verb = await entry.load();
    const words = [...path, name];
    pages.push(await verbPage(words, verb, edition));
    if (verb.verbs) pages.push(...(await pagesOf(verb.verbs, words, edition)));
  }
  return pages;
}

async function verbPage(words: string[], verb: CommandVerb, edition: Edition): Promise<Page> {
  const { meta } = verb;
  const name = ["mcpctl", ...words].join("-");
  const usage = usageLine(words.join(" "), verb, verb.args).replace(/^Usage: +/, "");
  const above = ["mcpctl", ...words.slice(0, -1)].join("-");
  const below = Object.entries(verb.verbs ?? {}).filter(([, entry]) => !entry.hidden);
  const examples = (meta.examples ?? []).map(
    ([command, purpose]) => `.TP\n${text(purpose)}\n.B ${text(command)}`,
  );
  return page(name, meta.description, edition, [
    ["SYNOPSIS", `.B ${text(usage)}`],
    ["DESCRIPTION", paragraphs(meta.about ?? `${meta.description}.`)],
    ["VERBS", below.map(([one, entry]) => `.TP\n.B ${text(one)}\n${text(entry.summary)}`).join("\n")],
    ["OPTIONS", options(verb.args)],
    ...(await kindOptions(words, verb)),
    ["EXAMPLES", examples.join("\n")],
    ["SEE ALSO", references([above, ...below.map(([one]) => `${name}-${one}`)])],
  ]);
}

/** The flags that depend on the kind, in a section for each kind. */
async function kindOptions(words: string[], verb: CommandVerb): Promise<Section[]> {
  if (words.join(" ") !== "create" || !verb.moreArgs) return [];
  const sections: Section[] = [];
  for (const kind of kinds.filter((one) => allowsWrite(one, "create")))
    sections.push([
      `OPTIONS OF ${kind.kind.toUpperCase()}`,
      options(await verb.moreArgs([kind.kind], undefined as unknown as Context)),
    ]);
  return sections;
}

function rootPage(commands: Commands, edition: Edition): Page {
  const shown = Object.entries(commands).filter(([, { hidden }]) => !hidden);
  const groups = Map.groupBy(shown, ([, { group }]) => group ?? "Verbs");
  const verbs = [...groups].map(([group, entries]) => {
    const lines = entries.map(
      ([name, { summary }]) => `.TP\n.BR ${text(`mcpctl-${name}`)} (1)\n${text(summary)}`,
    );
    return `.SS ${text(group)}\n${lines.join("\n")}`;
  });
  return page("mcpctl", "one address and one token for all your language models", edition, [
    ["SYNOPSIS", ".B mcpctl\n.I VERB\n[flags]"],
    [
      "DESCRIPTION",
      paragraphs(`"mcpctl server" keeps a catalogue of llms with their provider keys, decides who may call which, and
        passes requests on to the providers. "mcpctl agent" publishes the models of a workstation there. All other
        verbs work on the catalogue, as kubectl does on a cluster.`),
    ],
    ["VERBS", verbs.join("\n")],
    ["OPTIONS", options(globalArgs)],
    ["ENVIRONMENT", literal(topics["environment"]!())],
    ["EXIT STATUS", literal(topics["exit-codes"]!())],
    ["SEE ALSO", references(shown.map(([name]) => `mcpctl-${name}`))],
  ]);
}

type Section = [heading: string, body: string];

function page(name: string, description: string, { version, date }: Edition, sections: Section[]): Page {
  const day = date.toISOString().slice(0, 10);
  const parts = sections
    .filter(([, body]) => body !== "")
    .map(([heading, body]) => `.SH ${heading}\n${body}`);
  const head = [
    `.TH ${name.toUpperCase()} 1 ${day} "mcpctl ${version}" "mcpctl"`,
    // No hyphens are added, and lines end where words do.
    ".nh\n.ad l",
    `.SH NAME\n${text(name)} \\- ${text(description)}`,
  ];
  return { name, text: `${[...head, ...parts].join("\n")}\n` };
}

function options(args: Args): string {
  return Object.entries(args)
    .filter(([, arg]) => arg.type !== "positional" && !arg.hidden)
    .map(([name, arg]) => `.TP\n.B ${text(flagText(name, arg).trim())}\n${text(flagDescription(arg))}`)
    .join("\n");
}

function references(names: string[]): string {
  return names.map((name) => `.BR ${text(name)} (1)`).join(",\n");
}

function paragraphs(about: string): string {
  return about
    .split(/\n\s*\n/)
    .map((paragraph) => text(paragraph.trim().replace(/\s+/g, " ")))
    .join("\n.PP\n");
}

/** Lines that stay as they are. */
function literal(lines: string): string {
  return `.nf\n${lines.split("\n").slice(2).map(text).join("\n")}\n.fi`;
}

/** Text of one line as roff reads it: nothing in it is a request or an escape, and a hyphen can be copied. */
export function text(line: string): string {
  return line
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll('"', "\\(dq")
    .replace(/^([.'])/, "\\&$1")
    .replaceAll("…", "...");
}
