import { AppError } from "../../errors.ts";
import { defineVerb } from "../core/command.ts";
import { resolveObject } from "../kinds/resolve-kind.ts";
import { resultFormats } from "../manifest/write-result.ts";

/** `mcpctl reject promptrequest NAME` */
export const reject = defineVerb({
  meta: {
    name: "reject",
    description: "Reject a proposed prompt",
    about: `No model reads a proposed prompt before somebody approves it. A rejected one stays in the list with its status,
      so that you see what was decided; its name can be proposed again. You need edit on prompts.`,
    usage: "promptrequest NAME [flags]",
    examples: [["mcpctl reject promptrequest test-database -p website", "Reject what a model has proposed"]],
  },
  output: resultFormats,
  args: {
    kind: {
      type: "positional",
      description: "promptrequest, or promptrequest/NAME",
      complete: ["promptrequest"],
    },
    name: {
      type: "positional",
      required: false,
      description: "The name",
      complete: { kind: "promptrequest" },
    },
    yes: { type: "boolean", alias: "y", description: "Do not ask" },
    "dry-run": { type: "boolean", description: "Show what is proposed, and reject nothing" },
  },
  async run(args, context) {
    const { kind, name } = resolveObject(args.name === undefined ? [args.kind] : [args.kind, args.name]);
    if (kind.kind !== "promptrequest")
      throw new AppError("usage", `${kind.plural} are not rejected`, {
        hint: "write: mcpctl reject promptrequest NAME",
      });
    const { decidePromptRequest } = await import("./approve/prompt-request.ts");
    return decidePromptRequest("reject", name, args, context);
  },
});
