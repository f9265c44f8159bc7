import { resolve } from "node:path";
import { AppError } from "../../errors.ts";
import { loginAnswer } from "../client/account-answers.ts";
import { writeToken } from "../client/credentials.ts";
import { authoritiesIn } from "../client/endpoint.ts";
import { selectContext } from "../client/select-context.ts";
import { defineVerb } from "../core/command.ts";
import { warn } from "../core/failure.ts";
import { warnOnTheWay } from "../core/plain-http.ts";
import { secretInput } from "../flags/secret-values.ts";

export const login = defineVerb({
  meta: {
    name: "login",
    description: "Log in with user name and password, and keep the session",
    about: `The server's context becomes the current one, and is made if there is none: later commands go to this server.
      The token of the session is kept in ~/.mcpctl/credentials.json, which only you can read, beside those of other
      servers, and is sent to no other server. If the server is another machine and its address is http:, a warning says that the
      password can be read on the way. Programs should not log in: give them a token of their own with "mcpctl create token". On the
      server's own machine no login is needed, because the Unix socket is open to its owner.`,
    usage: "[flags]",
    examples: [
      ["mcpctl login --server https://llm.example.org --user alice", "Log in; the password is asked for"],
      ["mcpctl login --user alice --password-stdin < password.txt", "Log in from a script"],
    ],
  },
  args: {
    user: { type: "string", alias: "u", valueHint: "NAME", description: "Your user name" },
    "ca-cert": {
      type: "string",
      valueHint: "FILE",
      description: "Trust only the authorities in this file for the server, in PEM",
    },
    "password-stdin": { type: "boolean", description: "Read the password from standard input" },
  },
  async run(args, context) {
    const { terminal } = context;
    const caCert = args["ca-cert"];
    // Also where it is not needed now: it is kept in the context.
    if (caCert !== undefined) authoritiesIn(resolve(context.cwd, caCert));
    const client = await context.client(caCert === undefined ? undefined : { caCert });
    const { url } = client.endpoint;
    warnOnTheWay(url, "the password, and later the token", terminal);
    if (args.user === undefined && !terminal.inIsTerminal)
      throw new AppError("usage", "--user is missing: nobody can be asked without a terminal");
    const user = args.user ?? (await terminal.prompt("User: ")).trim();
    if (user === "") throw new AppError("usage", "no user name was given");
    const password = args["password-stdin"]
      ? await secretInput("Password: ", "the password", terminal)
      : await terminal.prompt("Password: ", true);
    if (password === "") throw new AppError("usage", "no password was given");
    const { token } = await client.call("POST", "/api/v1/auth/login", {
      answer: loginAnswer,
      // MCPCTL_TOKEN may be meant for another server.
      bearer: false,
      body: { user, password },
    });
    writeToken(context.home, token, url);
    const selected = selectContext(context.home, url, caCert && resolve(context.cwd, caCert));
    terminal.out(`logged in to ${url} as ${user}\n`);
    if (selected !== undefined) terminal.out(`context '${selected}' is now current\n`);
    if (context.env["MCPCTL_TOKEN"])
      warn(terminal, "MCPCTL_TOKEN is set and is used instead of this session");
  },
});
