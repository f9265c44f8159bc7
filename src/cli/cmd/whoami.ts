import { type Identity, identityAnswer } from "../client/account-answers.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { age } from "../output/cells.ts";
import { aligned } from "../output/describe.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
import { type LimitUse, limitText } from "../output/limits.ts";

export const whoami = defineVerb({
  meta: {
    name: "whoami",
    description: "Show who you are to the server",
    about: `Prints the user, and the token if one is used, with its groups, the time when the login expires, and the limits that
      apply with the use that counts against them. To ask for single rights, use "mcpctl auth can-i".`,
    usage: "[-o json|yaml]",
    examples: [["mcpctl whoami", "Show the user that the server sees"]],
  },
  output: objectFormats,
  async run(_, context) {
    const print = await dataPrinter(context.flags.output);
    const client = await context.client();
    const identity = await client.call("GET", "/api/v1/auth/whoami", { answer: identityAnswer });
    const lines = [
      ...identityLines(identity, context),
      ...limitLines(identity.limits ?? [], context.now()),
      { label: "Server", value: client.endpoint.url },
    ];
    context.terminal.out(print ? print(identity) : `${aligned(lines, "").join("\n")}\n`);
  },
});

/** A line for each limit that applies to the user. */
export function limitLines(limits: readonly LimitUse[], now: number): { label: string; value: string }[] {
  return limits.map((use, i) => ({
    label: i === 0 ? "Limits" : "",
    value: `${limitText(use, now)} (${use.kind} ${use.name})`,
  }));
}

/** The lines that describe who the user is. */
export function identityLines(identity: Identity, context: Context): { label: string; value: string }[] {
  const { user, token, impersonator, groups, admin, expiresAt } = identity;
  return [
    { label: "User", value: user },
    ...(token === undefined ? [] : [{ label: "Token", value: token }]),
    ...(impersonator === undefined ? [] : [{ label: "Impersonated by", value: impersonator }]),
    { label: "Groups", value: groups.join(", ") || "-" },
    { label: "Administrator", value: admin ? "yes" : "no" },
    ...(expiresAt ? [{ label: "Expires", value: `${expiresAt} (${age(expiresAt, context.now())})` }] : []),
  ];
}
