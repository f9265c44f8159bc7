import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { identityAnswer, impersonationAnswer } from "../../client/account-answers.ts";
import { anything } from "../../client/answers.ts";
import { readImpersonation, removeImpersonation, writeImpersonation } from "../../client/impersonation.ts";
import { withNearestName } from "../../client/objects.ts";
import { defineVerb } from "../../core/command.ts";
import { warn } from "../../core/failure.ts";

export const impersonate = defineVerb({
  meta: {
    name: "impersonate",
    description: "Act as another user, to see what that user sees",
    about: `All commands to this server are made as the user, with the rights that both of you have, until
      "mcpctl config impersonate --quit" or for an hour at most. Each command says so on a terminal, each question has
      the user's name before it, and the audit log names you both. Calls count on the user. Passwords and tokens cannot
      be made meanwhile. It needs the operation "impersonate", which administrators have.`,
    usage: "USER | --quit",
    examples: [
      ["mcpctl config impersonate alice", "See what alice sees"],
      ["mcpctl get llms", "List the llms that alice and you may view"],
      ["mcpctl config impersonate --quit", "Be yourself again"],
    ],
  },
  args: {
    user: { type: "positional", required: false, complete: { kind: "user" } },
    quit: { type: "boolean", description: "Be yourself again" },
  },
  async run({ user, quit }, context) {
    const { home, terminal, env } = context;
    const current = readImpersonation(home);
    if (quit) {
      if (user !== undefined) throw new AppError("usage", "--quit takes no user");
      if (!current) {
        terminal.err("you act as nobody else\n");
        return;
      }
      try {
        await (await context.client()).call("POST", "/api/v1/auth/logout", { answer: anything });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        // A session that the server does not accept has ended already.
        if (error.code !== "unauthenticated")
          warn(terminal, `the server did not end the session, which ends within the hour: ${error.message}`);
      } finally {
        removeImpersonation(home);
      }
      terminal.out(`no longer acting as ${current.user}\n`);
      return;
    }
    if (user === undefined) throw new AppError("usage", "name a user, or give --quit");
    if (current)
      throw new AppError("conflict", `you act as ${current.user} already`, {
        hint: "first: mcpctl config impersonate --quit",
      });
    if (context.flags.tokenFile || env["MCPCTL_TOKEN"])
      throw new AppError(
        "usage",
        `${context.flags.tokenFile ? "--token-file" : "MCPCTL_TOKEN"} would be used instead of the session that begins`,
        { hint: "log in with mcpctl login, or use a context with a token file" },
      );
    const client = await context.client();
    const { user: by, token: tokenName } = await client.call("GET", "/api/v1/auth/whoami", {
      answer: identityAnswer,
    });
    const { token } = await client
      .call("POST", "/api/v1/auth/impersonate", { answer: impersonationAnswer, body: { user } })
      .catch(async (error) => {
        throw await withNearestName(error, kindOf("user"), user, client);
      });
    writeImpersonation(home, { token, server: client.endpoint.url, user, by: tokenName ?? by });
    terminal.out(`acting as ${user} for an hour; end it with: mcpctl config impersonate --quit\n`);
  },
});
