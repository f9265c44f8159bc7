import { defineVerb } from "../core/command.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
import { addGrant } from "./grant/bindings.ts";
import {
  grantArgs,
  grantFrom,
  grantPhrase,
  grantUsage,
  subjectNamed,
  subjectPhrase,
} from "./grant/target.ts";

/** `mcpctl grant USER ROLE KIND[/NAME]` */
export const grant = defineVerb({
  meta: {
    name: "grant",
    description: "Give a user, a group or a token a right",
    about: `Makes an rbac object for that one right, such as "alice-run-llms-claude". Nobody can give a right that they do
      not have. "mcpctl auth can-i --list --as alice" shows what alice may do then;
      "mcpctl revoke" takes it back. Roles: view, create, delete, edit (all of these), run (use it), expose.`,
    usage: grantUsage,
    examples: [
      ["mcpctl grant alice run llms/claude", "Let alice call one llm"],
      ["mcpctl grant group:friends run llms", "Let a group call all llms"],
      ["mcpctl grant alice run backup", "Give the right to one operation"],
    ],
  },
  output: objectFormats,
  args: grantArgs,
  async run({ user, role, on, "dry-run": dryRun }, context) {
    const print = await dataPrinter(context.flags.output);
    const subject = subjectNamed(user);
    const given = await grantFrom(role, on, context);
    const { binding, was } = await addGrant({ client: await context.client(), dryRun }, subject, given);
    const { terminal } = context;
    if (print) return terminal.out(print({ subject, grant: given, binding, unchanged: was }));
    const line = `${grantPhrase(given)}: ${was ? "granted already" : "granted"} to ${subjectPhrase(subject)}`;
    terminal.out(`${line} (rbac/${binding})${dryRun ? " (dry run)" : ""}\n`);
  },
});
