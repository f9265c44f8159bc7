import { findProgram } from "../../../processes/find-program.ts";
import type { Context } from "../../core/context.ts";
import { chosenOf } from "./questions.ts";

/**
 * Returns the program to set up: the answer of the user, who is offered one that is installed; off a terminal curl.
 */
export async function chosenClient(
  clients: readonly { name: string; title: string }[],
  context: Context,
): Promise<string> {
  if (!context.terminal.inIsTerminal) return "curl";
  const path = context.env["PATH"] ?? "";
  const installed = clients.find(({ name }) => findProgram(name, path) !== undefined);
  const options = [
    ...clients.map(({ name, title }) => ({ value: name, text: title })),
    { value: "none", text: "none of these" },
  ];
  return chosenOf("Which program do you use?", options, installed?.name ?? "curl", context);
}
