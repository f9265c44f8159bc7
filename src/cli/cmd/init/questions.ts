import type { Context } from "../../core/context.ts";

/** An answer that can be chosen. */
export interface Option {
  value: string;
  text: string;
}

/** Asks for one of some options, by its number or its value, until the answer is one of them. */
export async function chosenOf(
  question: string,
  options: readonly Option[],
  usual: string,
  { terminal }: Context,
): Promise<string> {
  const number = options.findIndex(({ value }) => value === usual) + 1;
  terminal.err(`${question}\n`);
  for (const [i, { value, text }] of options.entries())
    terminal.err(`  ${String(i + 1).padStart(2)}  ${text === value ? value : `${value}: ${text}`}\n`);
  for (;;) {
    const answer = (await terminal.prompt(`Number or name [${number}]: `)).trim();
    if (answer === "") return usual;
    const found = options[Number(answer) - 1] ?? options.find(({ value }) => value === answer);
    if (found) return found.value;
    terminal.err(`"${answer}" is none of them\n`);
  }
}

/** Asks for a line, until there is one that is not empty. */
export async function lineOf(
  question: string,
  usual: string | undefined,
  { terminal }: Context,
): Promise<string> {
  for (;;) {
    const answer = (await terminal.prompt(`${question}${usual === undefined ? "" : ` [${usual}]`}: `)).trim();
    if (answer !== "") return answer;
    if (usual !== undefined) return usual;
  }
}
