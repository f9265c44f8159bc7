import { AppError } from "../../errors.ts";
import { defineVerb } from "../core/command.ts";
import { resolveObject } from "../kinds/resolve-kind.ts";
import { resultFormats } from "../manifest/write-result.ts";

/** `mcpctl approve server NAME`, `mcpctl approve promptrequest NAME` */
export const approve = defineVerb({
  meta: {
    name: "approve",
    description: "Accept the changed tools of an MCP server, or a proposed prompt",
    about: `An MCP server can change the description of a tool from one day to the next, and with it what a model does. A
      tool that was accepted once and is another one now is not offered until you accept the change. "approve server"
      prints the difference between the accepted and the present definitions, and asks. Off a terminal it needs --yes.
      Tools are accepted by themselves when a server lists them for the first time, and after a change of the server's
      own fields.

      Models propose prompts for a project. "approve promptrequest" prints the text and asks; off a terminal it does not
      ask. The project then has a prompt of that name with that text. You need edit on prompts. "mcpctl reject" is the
      other decision.`,
    usage: "(server|promptrequest) NAME [flags]",
    examples: [
      ["mcpctl approve server github", "Look at what has changed, and accept it"],
      ["mcpctl approve server github --dry-run", "Only look"],
      ["mcpctl approve promptrequest test-database -p website", "Make a prompt of what a model has proposed"],
    ],
  },
  output: resultFormats,
  args: {
    kind: {
      type: "positional",
      description: "server or promptrequest, or KIND/NAME",
      complete: ["server", "promptrequest"],
    },
    name: { type: "positional", required: false, description: "The name" },
    yes: { type: "boolean", alias: "y", description: "Do not ask" },
    "dry-run": { type: "boolean", description: "Show what has changed or is proposed, and accept nothing" },
  },
  async run(args, context) {
    const words = args.name === undefined ? [args.kind] : [args.kind, args.name];
    const { kind, name } = resolveObject(words);
    if (kind.kind === "server")
      return (await import("./approve/server.ts")).approveServer(name, args, context);
    if (kind.kind === "promptrequest")
      return (await import("./approve/prompt-request.ts")).decidePromptRequest(
        "approve",
        name,
        args,
        context,
      );
    throw new AppError("usage", `${kind.plural} are not approved`, {
      hint: "write: mcpctl approve server NAME, or mcpctl approve promptrequest NAME",
    });
  },
});
