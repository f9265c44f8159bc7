import { AppError } from "../../errors.ts";
import { anything } from "../client/answers.ts";
import { readToken, removeToken } from "../client/config.ts";
import { defineVerb } from "../core/command.ts";
import { warn } from "../core/failure.ts";

export const logout = defineVerb({
  meta: {
    name: "logout",
    description: "End the session of login",
    about: `The server revokes the session's token, and the copy on this machine is deleted. Tokens made with
      "mcpctl create token" stay valid: delete those with "mcpctl delete token".`,
    usage: "",
    examples: [["mcpctl logout", "End the session"]],
  },
  async run(_, context) {
    const { terminal, home } = context;
    if (readToken(home) === undefined) {
      terminal.err("not logged in\n");
      return;
    }
    try {
      await (await context.client()).call("POST", "/api/v1/auth/logout", { answer: anything });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // A session that the server does not accept has ended already.
      if (error.code !== "unauthenticated")
        warn(
          terminal,
          `the server did not end the session, which stays valid until it expires: ${error.message}`,
        );
    } finally {
      removeToken(home);
    }
    terminal.out("logged out\n");
  },
});
