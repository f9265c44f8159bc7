import { AppError } from "../../errors.ts";
import { writeToken } from "../client/config.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";

export const login = defineVerb({
  meta: {
    name: "login",
    description: "Log in with user and password, and keep the session",
    usage: "[flags]",
    examples: [
      ["mcpctl login --server https://llm.example.org --user alice", "asks for the password"],
      ["mcpctl login --user alice --password-stdin < password.txt", "for scripts"],
    ],
    notes:
      "The session's bearer is kept in ~/.mcpctl/credentials.json, which only you can read,\nand shown to no other server.\n",
  },
  args: {
    user: { type: "string", alias: "u", valueHint: "NAME", description: "Who you are" },
    "password-stdin": { type: "boolean", description: "Read the password from standard input" },
  },
  async run(args, context) {
    const { terminal } = context;
    const client = await context.client();
    const user = args.user ?? (await terminal.prompt("User: ")).trim();
    if (user === "") throw new AppError("usage", "no user was given");
    const password = args["password-stdin"]
      ? await lineFromStdin(context)
      : await terminal.prompt("Password: ", true);
    const { token } = await client.call<{ token: string }>("POST", "/api/v1/auth/login", {
      body: { user, password },
    });
    writeToken(context.home, token, client.endpoint.url);
    terminal.out(`logged in to ${client.endpoint.url} as ${user}\n`);
    if (context.env["MCPCTL_TOKEN"])
      warn(terminal, "MCPCTL_TOKEN is set, and goes before the session that was just saved");
  },
});

/** Standard input without the line end that `echo` and editors leave. */
async function lineFromStdin({ terminal }: Context): Promise<string> {
  const text = (await terminal.readStdin()).replace(/\r?\n$/, "");
  if (text === "") throw new AppError("usage", "standard input holds no password");
  return text;
}
