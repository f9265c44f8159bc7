import { AppError } from "../../errors.ts";
import { actions, roles } from "../../kinds/grants.ts";
import { findKind } from "../../kinds/index.ts";
import { didYouMean } from "../../kinds/names.ts";
import { jsonText } from "../../wire/text.ts";
import { permissionAnswer } from "../client/account-answers.ts";
import { defineGroup, defineVerb } from "../core/command.ts";
import { parseKindName } from "../kinds/kind-name.ts";
import { wantsJson } from "../output/format.ts";

const canI = defineVerb({
  meta: {
    name: "can-i",
    description: "Ask if you may do something",
    about: `Prints yes or no, and exits with 0 or 1. VERB is one of: ${roles.join(", ")}. RESOURCE is a kind in the
      plural, audit, metrics, or, after run, an operation: ${actions.join(", ")}.`,
    usage: "VERB RESOURCE[/NAME] [flags]",
    examples: [
      ["mcpctl auth can-i run llms/claude", "Ask if you may call an llm"],
      ["mcpctl auth can-i create secrets", "Ask if you may create secrets"],
      ["mcpctl auth can-i run backup", "Ask for an operation"],
    ],
  },
  args: {
    verb: { type: "positional", options: [...roles] },
    resource: { type: "positional", valueHint: "RESOURCE[/NAME]", complete: "kinds" },
  },
  async run(args, context) {
    const json = wantsJson(context.flags.output);
    const client = await context.client();
    const { allowed } = await client.call("POST", "/api/v1/auth/can-i", {
      answer: permissionAnswer,
      body: question(args.verb, args.resource),
    });
    context.terminal.out(json ? jsonText({ allowed }) : `${allowed ? "yes" : "no"}\n`);
    return allowed ? 0 : 1;
  },
});

function question(verb: string, text: string): Record<string, string> {
  if (verb === "run" && (actions as readonly string[]).includes(text)) return { verb, action: text };
  const { kind: word, name } = parseKindName(text);
  const hint = didYouMean(word, actions);
  if (verb === "run" && !findKind(word) && hint)
    throw new AppError("usage", `unknown operation "${word}"`, { hint });
  // The server may have kinds that are unknown here, and audit and metrics are no kinds.
  return { verb, resource: findKind(word)?.plural ?? word, ...(name !== undefined && { name }) };
}

export const auth = defineGroup(
  {
    name: "auth",
    description: "Ask what you may do",
    about: `Rights are granted with objects of kind rbac, or to a token with --bind. This only asks; it changes
      nothing.`,
    examples: [["mcpctl auth can-i run llms/claude", "Ask if you may call an llm"]],
  },
  { "can-i": { summary: "Ask if you may do something", load: async () => canI } },
);
