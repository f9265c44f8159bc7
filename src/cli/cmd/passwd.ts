import { AppError } from "../../errors.ts";
import { user } from "../../kinds/user.ts";
import { identityAnswer } from "../client/account-answers.ts";
import { anything } from "../client/answers.ts";
import type { ApiClient } from "../client/client.ts";
import { assertExists, objectPath } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { warnOnTheWay } from "../core/plain-http.ts";
import { withoutMark } from "../flags/secret-values.ts";
import { withoutLineEnd } from "../terminal/line-end.ts";

export const passwd = defineVerb({
  meta: {
    name: "passwd",
    description: "Set your password, or that of another user",
    about: `Asks for the current password and twice for the new one. With --password-stdin both are read from standard
      input, one on each line; if you have no password yet, only the new one. On a terminal you are asked in any case. A
      password has at least 8 characters.

      With USER it sets the password of that user, whose sessions end and whose threads are deleted: only the user may
      read them. It needs every right that the user has, as administrators have.

      An administrator who has lost the password sets a new one on the host of the server, over the Unix socket, where
      no password is needed.`,
    usage: "[USER] [flags]",
    examples: [
      ["mcpctl passwd alice", "Set the password of alice, who has forgotten it"],
      [
        "mcpctl --server unix:///var/lib/mcpctl/mcpctl.sock passwd",
        "Set the password of admin on the host of the server",
      ],
      ["mcpctl passwd", "Change your password"],
      ['printf \'%s\\n\' "$OLD" "$NEW" | mcpctl passwd --password-stdin', "Change it from a script"],
    ],
  },
  args: {
    user: {
      type: "positional",
      required: false,
      description: "The user; you if it is left out",
      complete: { kind: user.kind },
    },
    "password-stdin": { type: "boolean", description: "Read the passwords from standard input" },
  },
  async run(args, context) {
    const client = await context.client();
    warnOnTheWay(client.endpoint.url, "the password", context.terminal);
    // Over the Unix socket the user is the administrator, who needs no current password.
    const local = client.endpoint.url.startsWith("unix:");
    const identity = { answer: identityAnswer };
    const isOwn =
      args.user === undefined ||
      (await client.call("GET", "/api/v1/auth/whoami", identity)).user === args.user;
    // On a terminal what is typed would be shown: there it is asked for in any case.
    const isFromStdin = args["password-stdin"] && !context.terminal.inIsTerminal;
    if (!isOwn) return setOther(client, args.user!, isFromStdin, context);
    const body = isFromStdin ? await fromStdin(context) : await fromPrompt(context, local);
    await client.call("POST", "/api/v1/auth/passwd", { body, answer: anything });
    context.terminal.out("password set\n");
  },
});

/** Sets the password of another user. */
async function setOther(
  client: ApiClient,
  name: string,
  isFromStdin: boolean,
  context: Context,
): Promise<void> {
  const path = objectPath(user, name);
  // Before the questions and the warning.
  await assertExists(user, name, context);
  if (!isFromStdin)
    warn(
      context.terminal,
      `this ends the sessions of ${name} and deletes the threads, which nobody else may read`,
    );
  const { current, password } = isFromStdin
    ? await fromStdin(context)
    : { password: await newPassword(context, `New password of ${name}: `), current: undefined };
  if (current !== undefined)
    throw new AppError("usage", `standard input must contain one line: the new password of ${name}`);
  await client.call("PUT", path, { body: { password }, answer: anything });
  context.terminal.out(`password of ${name} set\n`);
}

interface Passwords {
  current?: string;
  password: string;
}

async function fromStdin({ terminal }: Context): Promise<Passwords> {
  const lines = withoutLineEnd(withoutMark(await terminal.readStdin(), "the password")).split(/\r?\n/);
  if (lines.length > 2 || lines.includes(""))
    throw new AppError(
      "usage",
      "standard input must contain one or two lines: the current password, if you have one, and the new one",
    );
  const password = lines.pop()!;
  return lines[0] === undefined ? { password } : { current: lines[0], password };
}

async function fromPrompt({ terminal }: Context, local: boolean): Promise<Passwords> {
  assertCanAsk(terminal);
  const current = local ? "" : await terminal.prompt("Current password (empty if there is none): ", true);
  const password = await newPassword({ terminal }, "New password: ");
  return current === "" ? { password } : { current, password };
}

/** Asks twice for a new password. */
async function newPassword({ terminal }: Pick<Context, "terminal">, question: string): Promise<string> {
  assertCanAsk(terminal);
  const password = await terminal.prompt(question, true);
  if (password !== (await terminal.prompt("Repeat the new password: ", true)))
    throw new AppError("invalid_request", "the two passwords differ; nothing was changed");
  return password;
}

function assertCanAsk({ inIsTerminal }: Context["terminal"]): void {
  if (!inIsTerminal)
    throw new AppError("usage", "--password-stdin is missing: nobody can be asked without a terminal");
}
