import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { typesWithSetUp } from "../../kinds/secret-backends/config.ts";
import type { TypeWithSetUp } from "../../kinds/secret-backends/define.ts";
import { escapeLine } from "../../wire/text.ts";
import { fieldsOf, Name, objectOf } from "../client/answers.ts";
import type { AnswerShape } from "../client/shape.ts";
import type { Args, Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { fieldsFrom } from "../flags/fields.ts";
import { isRequired } from "../flags/schema.ts";
import { plain } from "../output/cells.ts";
import { progressOn } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { SpecialCreation } from "./extension.ts";

/** Flags of `create secretbackend` that are no fields of the kind. */
export const wizardArgs: Args = {
  wizard: {
    type: "boolean",
    description: typesWithSetUp()
      .map(({ name, setUp }) => `${name}: ${setUp.summary}`)
      .join("; "),
  },
};

/** Response of `POST /api/v1/secretbackends/wizard`, with the names of the things that were made in the backend. */
interface WizardResponse {
  backend: Resource;
  /** The secret that holds the token it logs in with. */
  secret: string;
  [made: string]: unknown;
}

const wizardAnswer: AnswerShape<WizardResponse> = {
  faultIn(value) {
    const fault = fieldsOf({ secret: Name }).faultIn(value);
    if (fault !== undefined) return fault;
    const inBackend = objectOf(kindOf("secretbackend")).faultIn((value as WizardResponse).backend);
    return inBackend && `/backend${inBackend}`;
  },
};

/**
 * Has the server set up a secret backend with an admin token, which is asked for. That token is in no argument, where
 * every process could see it (T29, T31), and nothing here keeps it.
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
  const kind = kindOf("secretbackend");
  for (const [flag, { parse }] of Object.entries(kind.flags))
    if (parse === "file" && args[flag] === "-")
      throw new AppError("usage", `--${flag} - and --wizard both read standard input`);
  const { type: typeName, config, ...others } = await fieldsFrom(kind, name, args, context);
  const types = typesWithSetUp();
  const type = types.find((one) => one.name === typeName);
  if (!type) {
    const names = types.map((one) => one.name);
    throw new AppError("usage", `--wizard is for --type ${names.join(" or ")}`);
  }
  checkFields(type, (config ?? {}) as Record<string, unknown>);
  const client = await context.client();
  const adminToken = await readAdminToken(type.display, terminal);
  const progress = progressOn(context);
  progress.show(`setting up ${type.display} …`);
  try {
    const body = { name, ...(type !== types[0] && { type: type.name }), config, ...others, adminToken };
    const response = await client.call("POST", "/api/v1/secretbackends/wizard", {
      answer: wizardAnswer,
      body,
      unlimited: true,
    });
    return { object: response.backend, notes: notesOn(type, response) };
  } finally {
    progress.end();
  }
}

/** Throws AppError `usage` where the config lacks a required field, or has the one that the set-up fills in. */
function checkFields({ config: schema, flags, setUp: { fills } }: TypeWithSetUp, config: object): void {
  const flagsOf = (field: string) =>
    Object.entries(flags ?? {})
      .filter(([, flag]) => flag.field.split(".")[0] === field)
      .map(([flag]) => `--${flag}`);
  for (const field of Object.keys(schema.properties))
    if (isRequired(schema, field) && !(field in config))
      throw new AppError("usage", `${flagsOf(field)[0] ?? `--config ${field}=`} is required`);
  if (fills in config) {
    const leaveOut = [...flagsOf(fills), fills].join(" and ");
    throw new AppError("usage", `--wizard makes the token it logs in with: leave ${leaveOut} out`);
  }
}

/** Reads the admin token from standard input, or asks for it on a terminal. Throws AppError `usage`. */
async function readAdminToken(display: string, terminal: Terminal): Promise<string> {
  const text = terminal.inIsTerminal
    ? await terminal.prompt(`${display} admin token (used once, not kept): `, true)
    : await terminal.readStdin();
  const token = text.trim();
  if (token === "") throw new AppError("usage", "no admin token was given");
  // In a header a line break would begin a new line (T14).
  if (/\s/.test(token)) throw new AppError("usage", "the admin token must be one word");
  return token;
}

/** A line of words on the objects that were made in the backend. */
function mapped(made: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(made).map(([name, value]) => [name, escapeLine(plain(value))]));
}

/** Lines that say what was made, and what comes next. */
function notesOn({ setUp }: TypeWithSetUp, { backend, secret, ...made }: WizardResponse): string {
  return (
    `${setUp.describe(mapped(made))}\n` +
    `The token it logs in with is in the secret '${secret}'. The admin token was not kept.\n` +
    `Next: mcpctl migrate secrets --from default --to ${backend.name}\n`
  );
}
