import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { grantable, roles } from "../../kinds/grants.ts";
import { findKind, kindOf } from "../../kinds/index.ts";
import { didYouMean } from "../../kinds/names.ts";
import { actions } from "../../kinds/operations.ts";
import { permissionAnswer, rightsAnswer } from "../client/account-answers.ts";
import { listObjects, withNearestName } from "../client/objects.ts";
import { defineGroup, defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { rulesTable } from "../kinds/held-rules.ts";
import { parseKindName } from "../kinds/kind-name.ts";
import { resolveKind } from "../kinds/resolve-kind.ts";
import { type DataPrinter, dataPrinter, objectFormats } from "../output/format.ts";

const canI = defineVerb({
  meta: {
    name: "can-i",
    description: "Ask if you may do something, or list all that you may do",
    about: `Prints yes or no, and exits with 0 or 1. VERB is one of: ${roles.join(", ")}. RESOURCE is a kind in the
      plural, audit, metrics, or, after run, an operation: ${actions.join(", ")}.

      --list prints every right with the rule that gives it, --as asks about another user: for those who may view users and
      rbac. A token may do what both its own rules and those of its user allow. Besides its rules, a user may always view
      and delete its own tokens, and view, run and delete what its workstation publishes.`,
    usage: "VERB RESOURCE[/NAME] [--as USER] | --list [--as USER]",
    examples: [
      ["mcpctl auth can-i run llms/claude", "Ask if you may call an llm"],
      ["mcpctl auth can-i create secrets", "Ask if you may create secrets"],
      ["mcpctl auth can-i run backup", "Ask for an operation"],
      ["mcpctl auth can-i --list --as alice", "List what alice may do, and why"],
    ],
  },
  output: objectFormats,
  args: {
    verb: { type: "positional", required: false, options: [...roles] },
    resource: { type: "positional", required: false, valueHint: "RESOURCE[/NAME]", complete: "kinds" },
    list: { type: "boolean", description: "List every right, with the rule that gives it" },
    as: { type: "string", valueHint: "USER", complete: { kind: "user" }, description: "Ask about this user" },
  },
  async run({ verb, resource, list, as }, context) {
    const print = await dataPrinter(context.flags.output);
    if (list) {
      if (verb !== undefined) throw new AppError("usage", "--list takes no VERB");
      return listRights(as, print, context);
    }
    if (verb === undefined || resource === undefined)
      throw new AppError("usage", `${verb === undefined ? "VERB" : "RESOURCE"} is missing`, {
        hint: "write: mcpctl auth can-i VERB RESOURCE, or mcpctl auth can-i --list",
      });
    const body = { ...(await question(verb, resource, context)), ...(as !== undefined && { user: as }) };
    const client = await context.client();
    const { allowed } = await client
      .call("POST", "/api/v1/auth/can-i", { answer: permissionAnswer, body })
      .catch(async (error: unknown) => {
        throw as === undefined ? error : await withNearestName(error, kindOf("user"), as, client);
      });
    context.terminal.out(print ? print({ allowed }) : `${allowed ? "yes" : "no"}\n`);
    if (!allowed) await warnOfUnknownObject(body, context);
    return allowed ? 0 : 1;
  },
});

/** Warns of a name that is probably mistyped: the answer is "no" for what does not exist. */
async function warnOfUnknownObject(
  { resource, name }: Record<string, string>,
  context: Context,
): Promise<void> {
  const kind = resource === undefined ? undefined : findKind(resource);
  if (kind === undefined || name === undefined) return;
  const objects = await listObjects(kind, context).catch((): Resource[] => []);
  const names = objects.map((object) => object.name);
  const near = names.includes(name) ? undefined : didYouMean(name, names);
  if (near !== undefined) warn(context.terminal, `there is no ${kind.kind} "${name}"; ${near}`);
}

async function listRights(user: string | undefined, print: DataPrinter, context: Context): Promise<number> {
  const { terminal } = context;
  const client = await context.client();
  const rules = await client
    .call("GET", "/api/v1/auth/rights", { query: { user }, answer: rightsAnswer })
    .catch(async (error: unknown) => {
      throw user === undefined ? error : await withNearestName(error, kindOf("user"), user, client);
    });
  if (print) terminal.out(print(rules));
  else if (rules.length === 0)
    terminal.err(
      `No rule gives ${user ?? "you"} any right. An administrator grants some with mcpctl grant.\n`,
    );
  else terminal.out(rulesTable(rules, terminal));
  return 0;
}

async function question(verb: string, text: string, context: Context): Promise<Record<string, string>> {
  if (verb === "run" && (actions as readonly string[]).includes(text)) return { verb, action: text };
  const { kind: word, name } = parseKindName(text);
  const hint = didYouMean(word, actions);
  const isKnown = findKind(word) || (grantable as readonly string[]).includes(word);
  if (verb === "run" && !isKnown && hint)
    throw new AppError("usage", `unknown operation "${word}"`, { hint });
  const resource = isKnown ? (findKind(word)?.plural ?? word) : (await resolveKind(word, context)).plural;
  return { verb, resource, ...(name !== undefined && { name }) };
}

export const auth = defineGroup(
  {
    name: "auth",
    description: "Ask what you or a user may do",
    about: `Rights are granted with mcpctl grant, with objects of kind rbac, or to a token with --bind. This only asks; it
      changes nothing.`,
    examples: [
      ["mcpctl auth can-i run llms/claude", "Ask if you may call an llm"],
      ["mcpctl auth can-i --list", "List all that you may do, and why"],
    ],
  },
  {
    "can-i": { summary: "Ask if you may do something, or list all that you may do", load: async () => canI },
  },
);
