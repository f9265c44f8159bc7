import type { Commands, CommandVerb } from "../../../src/cli/core/command.ts";
import { commands } from "../../../src/commands.ts";

/** Returns every verb that does something, by the words that name it: `get`, `config view`. Hidden ones are left out. */
export async function allVerbs(level: Commands = commands, path = ""): Promise<Map<string, CommandVerb>> {
  const found = new Map<string, CommandVerb>();
  for (const [name, { load }] of Object.entries(level).filter(([, { hidden }]) => !hidden)) {
    const verb = await load();
    const words = `${path} ${name}`.trim();
    if (verb.act) found.set(words, verb);
    if (verb.verbs) for (const [inner, one] of await allVerbs(verb.verbs, words)) found.set(inner, one);
  }
  return found;
}
