import { plainText } from "../../core/catalogue/prompt-digest.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { always, budget, type Choice } from "./choose.ts";
import { cutText } from "./cut-text.ts";
import { aboutPrompt, type GatePrompt } from "./gate-prompts.ts";

/** The most bytes of the project's own prompt in a briefing, and of the text of one link. */
const maxProjectPrompt = 8 * 1024;
const maxLinked = 8 * 1024;

/** The most bytes of the index, and of one line in it. */
const maxIndex = 8 * 1024;
const maxIndexLine = 400;

/** The fewest bytes of a prompt that are worth giving when it does not fit. */
const leastPart = 512;

/** A chosen prompt with the text of its link, where it has one that could be read. */
export interface ChosenPrompt extends Choice<GatePrompt> {
  linked?: string | undefined;
}

/** Returns the text with which a model begins: the project's prompt, the chosen prompts, and an index of the others. */
export function briefingText(project: ProjectRow, choices: readonly ChosenPrompt[]): string {
  const own = plainText(project.spec.prompt).trim();
  const parts: string[] = [];
  if (own !== "") parts.push(cutText(own, maxProjectPrompt));
  let left = budget;
  const others: GatePrompt[] = [];
  for (const choice of choices) {
    const text = choice.isGiven ? textOf(choice) : "";
    const given = text === "" ? undefined : fitting(choice, text, left);
    if (given === undefined) {
      others.push(choice.prompt);
      continue;
    }
    left -= Buffer.byteLength(given);
    parts.push(given);
  }
  if (parts.length > 0)
    parts.unshift(`Rules and knowledge of the project "${project.name}" for this task. Follow them.`);
  if (others.length > 0)
    parts.push(
      `Other prompts of the project. Read those that matter with read_prompts, by name:\n${indexText(others).text}`,
    );
  return parts.join("\n\n");
}

function textOf({ prompt, linked }: ChosenPrompt): string {
  const more = linked === undefined ? "" : cutText(linked, maxLinked);
  const cut =
    more.length < (linked?.length ?? 0) ? `\n[cut: read_prompts {"names": ["${prompt.name}"]} has all]` : "";
  return [prompt.content, more + cut].filter((text) => text !== "").join("\n\n");
}

/** Returns a prompt with its heading, cut if it must be given and does not fit; undefined if it is left to the index. */
function fitting({ prompt }: ChosenPrompt, text: string, left: number): string | undefined {
  const heading = `## ${prompt.name}\n\n`;
  const whole = heading + text;
  if (Buffer.byteLength(whole) <= left) return whole;
  const note = `\n[cut: read_prompts {"names": ["${prompt.name}"]} has all]`;
  const room = left - Buffer.byteLength(heading + note);
  if (prompt.priority < always || room < leastPart) return undefined;
  return heading + cutText(text, room) + note;
}

/**
 * Returns the index of prompts from one on, a line for each, as far as there is room.
 *
 * @returns the text, and the number of the next prompt where some are left
 */
export function indexText(prompts: readonly GatePrompt[], from = 0): { text: string; next?: number } {
  const lines: string[] = [];
  let left = maxIndex;
  for (const [i, prompt] of prompts.entries()) {
    if (i < from) continue;
    const line = indexLine(prompt);
    left -= Buffer.byteLength(line) + 1;
    if (left < 0)
      return {
        text: `${lines.join("\n")}\n… and ${prompts.length - i} more: read_prompts without names lists all`,
        next: i,
      };
    lines.push(line);
  }
  return { text: lines.join("\n") };
}

/** Returns one line about a prompt: its name, what it is about, and its chapters. */
export function indexLine(prompt: GatePrompt): string {
  const about = aboutPrompt(prompt);
  const chapters = prompt.digest.chapters.length > 1 ? ` [${prompt.digest.chapters.join("; ")}]` : "";
  return cutText(`- ${prompt.name}${about === "" ? "" : `: ${about}`}${chapters}`, maxIndexLine);
}
