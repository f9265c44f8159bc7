import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import type { Args, Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { fieldsFrom } from "../flags/fields.ts";
import { progressOn } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { SpecialCreation } from "./extension.ts";

/** What `create secretbackend` takes besides the fields of the kind. */
export const wizardArgs: Args = {
  wizard: {
    type: "boolean",
    description: "openbao: have policy, role and token made with an admin token, which is not kept",
  },
};

/** `POST /api/v1/secretbackends/wizard` */
interface SetUp {
  backend: Resource;
  /** In OpenBao. */
  policy: string;
  role: string;
  /** The secret that holds the token it logs in with. */
  secret: string;
}

/**
 * Has the server set up OpenBao and the backend that uses it, with an admin token that is asked for. That token is in
 * no argument, where every process could see it (T29, T31), and nothing here keeps it.
 *
 * @param args the flags of `create secretbackend`
 * @throws AppError `usage` before anything is asked when they do not go together, and when there is no admin token
 */
export async function createWithWizard(
  name: string,
  args: Readonly<Record<string, Value>>,
  context: Context,
): Promise<SpecialCreation> {
  const { terminal } = context;
  if (args["force"]) throw new AppError("usage", "--wizard makes something new: it does not go with --force");
  if (args["ca-cert"] === "-")
    throw new AppError("usage", "--ca-cert - and --wizard both read standard input");
  const { type, config, ...others } = await fieldsFrom(kindOf("secretbackend"), name, args, context);
  const { url, auth } = (config ?? {}) as Record<string, unknown>;
  if (type !== "openbao") throw new AppError("usage", "--wizard is for --type openbao");
  if (url === undefined) throw new AppError("usage", "--url is required");
  if (auth !== undefined)
    throw new AppError(
      "usage",
      "--wizard makes the token it logs in with: leave --token-secret and auth out",
    );
  const client = await context.client();
  const adminToken = await askedToken(terminal);
  const progress = progressOn(context);
  progress.show("setting up OpenBao …");
  try {
    const body = { name, config, ...others, adminToken };
    const setUp = await client.call<SetUp>("POST", "/api/v1/secretbackends/wizard", { body, patient: true });
    return { object: setUp.backend, notes: notesOn(setUp) };
  } finally {
    progress.end();
  }
}

async function askedToken(terminal: Terminal): Promise<string> {
  const text = terminal.inIsTerminal
    ? await terminal.prompt("OpenBao admin token (used once, not kept): ", true)
    : await terminal.readStdin();
  const token = text.trim();
  if (token === "") throw new AppError("usage", "no admin token was given");
  // In a header a line break would begin a new line (T14).
  if (/\s/.test(token)) throw new AppError("usage", "the admin token must be one word");
  return token;
}

/** Says what was made in OpenBao, and what comes next. */
function notesOn({ backend, policy, role, secret }: SetUp): string {
  return (
    `In OpenBao there are now the policy '${policy}' and the token role '${role}', for this backend alone.\n` +
    `The token it logs in with is in the secret '${secret}'. The admin token was not kept.\n` +
    `Next: mcpctl migrate secrets --from default --to ${backend.name}\n`
  );
}
