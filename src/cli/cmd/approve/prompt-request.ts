import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { escapeBlock } from "../../../wire/text.ts";
import { anything } from "../../client/answers.ts";
import { getObject, objectPath } from "../../client/objects.ts";
import type { Context } from "../../core/context.ts";
import { resultFormat, verbResultText } from "../../manifest/write-result.ts";
import { plain } from "../../output/cells.ts";

/** Decides about a proposed prompt. On a terminal it is shown first, and you are asked. Returns the exit code. */
export async function decidePromptRequest(
  decision: "approve" | "reject",
  name: string,
  args: { yes: boolean; "dry-run": boolean },
  context: Context,
): Promise<number> {
  const { terminal } = context;
  const format = resultFormat(context.flags);
  const kind = kindOf("promptrequest");
  const request = await getObject(kind, name, context);
  const asks = terminal.inIsTerminal && !args.yes;
  if (asks || args["dry-run"]) {
    const { project, proposedBy, reason, content } = request;
    const facts = `Project:      ${plain(project)}\nProposed by:  ${plain(proposedBy)}\nReason:       ${plain(reason)}`;
    const text = `${facts}\n\n${String(content)}`;
    (format === "text" ? terminal.out : terminal.err).call(terminal, `${escapeBlock(text)}\n`);
  }
  if (args["dry-run"]) return 0;
  if (asks) {
    const answer = await terminal.prompt(`${decision === "approve" ? "Approve" : "Reject"} it? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) {
      terminal.err("Nothing was decided.\n");
      return 1;
    }
  }
  // The id is that of the text that was shown: one that is proposed anew has another one.
  const client = await context.client();
  await client
    .call("POST", `${objectPath(kind, request.id)}/${decision}`, { answer: anything })
    .catch((error) => {
      if (error instanceof AppError && error.code === "not_found")
        throw new AppError("not_found", `promptrequest "${name}" is no longer there`, { cause: error });
      throw error;
    });
  const status = decision === "approve" ? "approved" : "rejected";
  const result = { name: request.name, project: request["project"], status };
  const full = `promptrequest/${request.name}`;
  terminal.out(
    verbResultText(format, { data: result, name: full, line: `promptrequest '${request.name}' ${status}` }),
  );
  return 0;
}
