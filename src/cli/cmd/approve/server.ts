import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { escapeBlock, escapeLine } from "../../../wire/text.ts";
import { anything } from "../../client/answers.ts";
import { objectPath, withNearestName } from "../../client/objects.ts";
import { answerShape } from "../../client/shape.ts";
import type { Context } from "../../core/context.ts";
import { resultFormat, verbResultText } from "../../manifest/write-result.ts";
import { yamlText } from "../../output/yaml.ts";
import { coloredDiff } from "../diff/colored-diff.ts";
import { unifiedDiff } from "../diff/line-diff.ts";

const Definition = Type.Record(Type.String(), Type.Unknown());
/** The response of `GET /api/v1/servers/:name/changes`. */
const changesAnswer = answerShape(
  Type.Array(
    Type.Object({
      key: Type.String({ maxLength: 1000 }),
      before: Definition,
      after: Definition,
      hash: Type.String({ pattern: "^[0-9a-f]{64}$", title: "hash" }),
    }),
  ),
);

/** Shows the changed tools of an MCP server, asks, and accepts them. Returns the exit code. */
export async function approveServer(
  name: string,
  args: { yes: boolean; "dry-run": boolean },
  context: Context,
): Promise<number> {
  const { terminal } = context;
  const kind = kindOf("server");
  const format = resultFormat(context.flags);
  const client = await context.client();
  const path = objectPath(kind, name);
  const changes = await client
    .call("GET", `${path}/changes`, { answer: changesAnswer })
    .catch(async (error) => {
      throw await withNearestName(error, kind, name, client);
    });
  const result = (approved: string[], line: string) =>
    terminal.out(verbResultText(format, { data: { approved }, name: `server/${name}`, line }));
  if (changes.length === 0) {
    if (format === "json" || format === "yaml") result([], "");
    else terminal.err(`server '${name}' has changed nothing that waits\n`);
    return 0;
  }
  const show = (text: string) => (format === "text" ? terminal.out(text) : terminal.err(text));
  for (const { key, before, after } of changes) {
    const diff = unifiedDiff(yamlText(before), yamlText(after), [
      `${escapeLine(key)} (accepted)`,
      `${escapeLine(key)} (present)`,
    ]);
    show(coloredDiff(escapeBlock(diff), terminal.color && format === "text"));
  }
  if (args["dry-run"]) return 0;
  if (!args.yes) {
    if (!terminal.inIsTerminal) throw new AppError("usage", "to accept this without a terminal, add --yes");
    const answer = await terminal.prompt(
      `Accept ${changes.length === 1 ? "this change" : `these ${changes.length} changes`}? [y/N] `,
    );
    if (!/^y(es)?$/i.test(answer.trim())) {
      terminal.err("Nothing was accepted.\n");
      return 1;
    }
  }
  // The hashes say what was shown: a server that has changed once more is not accepted unseen.
  const accepted = changes.map(({ key, hash }) => ({ key, hash }));
  await client.call("POST", `${path}/approve`, { body: { changes: accepted }, answer: anything });
  const keys = changes.map(({ key }) => key);
  result(keys, `server '${name}' approved: ${keys.map((key) => key.replace(/^tool\//, "")).join(", ")}`);
  return 0;
}
