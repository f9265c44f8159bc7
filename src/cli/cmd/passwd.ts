import { AppError } from "../../errors.ts";
import { anything } from "../client/answers.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warnOnTheWay } from "../core/plain-http.ts";
import { withoutMark } from "../flags/secret-values.ts";
import { withoutLineEnd } from "../terminal/line-end.ts";

export const passwd = defineVerb({
  meta: {
    name: "passwd",
    description: "Set your password",
    about: `Asks for the current password and twice for the new one. With --password-stdin both are read from standard
      input, one on each line; if you have no password yet, only the new one. A password has at least 8 characters.`,
    usage: "[flags]",
    examples: [
      ["mcpctl passwd", "Change your password"],
      ['printf \'%s\\n\' "$OLD" "$NEW" | mcpctl passwd --password-stdin', "Change it from a script"],
    ],
  },
  args: {
    "password-stdin": { type: "boolean", description: "Read the passwords from standard input" },
  },
  async run(args, context) {
    const client = await context.client();
    warnOnTheWay(client.endpoint.url, "the password", context.terminal);
    // Over the Unix socket the user is the administrator, who needs no current password.
    const local = client.endpoint.url.startsWith("unix:");
    const body = args["password-stdin"] ? await fromStdin(context) : await fromPrompt(context, local);
    await client.call("POST", "/api/v1/auth/passwd", { body, answer: anything });
    context.terminal.out("password set\n");
  },
});

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
  const current = local ? "" : await terminal.prompt("Current password (empty if there is none): ", true);
  const password = await terminal.prompt("New password: ", true);
  if (password !== (await terminal.prompt("Repeat the new password: ", true)))
    throw new AppError("invalid_request", "the two passwords differ; nothing was changed");
  return current === "" ? { password } : { current, password };
}
