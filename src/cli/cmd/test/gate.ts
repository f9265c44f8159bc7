import { Type } from "@sinclair/typebox";
import { kindOf } from "../../../kinds/index.ts";
import { escapeBlock, jsonText } from "../../../wire/text.ts";
import { objectPath, withNearestName } from "../../client/objects.ts";
import { answerShape } from "../../client/shape.ts";
import { defineVerb } from "../../core/command.ts";
import { wantsJson } from "../../output/format.ts";
import { table } from "../../output/table.ts";
import { waitingOn } from "../../terminal/progress.ts";
import { projectOf } from "../attach-server.ts";

const reportShape = answerShape(
  Type.Object({
    gate: Type.String({ maxLength: 100 }),
    prompts: Type.Array(
      Type.Object({
        name: Type.String({ maxLength: 200 }),
        given: Type.Boolean(),
        score: Type.Number(),
        priority: Type.Integer(),
        bytes: Type.Integer(),
        why: Type.String({ maxLength: 2000 }),
      }),
    ),
    text: Type.String(),
  }),
);

/** `mcpctl test gate -p PROJECT --task TEXT` */
export const testGate = defineVerb({
  meta: {
    name: "gate",
    description: "Show which prompts a model would get for a task, and why",
    about: `A model that begins work in a project says what it is about to do, and gets the prompts that matter. Those of
      priority 10 are always given. The others have a score: the words of the task that they have in their name, description,
      summary or chapters, times their priority. They are given as long as there is room, and an index names the rest. If the
      project has an llm of tier fast, that chooses instead. You need to be able to run the project.`,
    usage: "-p PROJECT [--task TEXT] [--tag WORD] [--show] [-o json]",
    examples: [
      [
        'mcpctl test gate -p website --task "Migrate the orders"',
        "See which prompts would be given, and why",
      ],
      ["mcpctl test gate -p website --tag database --show", "Print the answer that the model would get"],
    ],
  },
  output: ["json"],
  args: {
    task: { type: "string", valueHint: "TEXT", description: "What the model is about to do" },
    tag: {
      type: "string",
      multiple: true,
      valueHint: "WORD",
      description: "A subject that it touches; counts twice",
    },
    show: { type: "boolean", description: "Print the answer itself, without the texts of links" },
  },
  async run({ task, tag, show }, context) {
    const { terminal, flags } = context;
    const project = projectOf(context);
    const client = await context.client();
    const kind = kindOf("project");
    const body = { ...(task !== undefined && { task }), tags: tag.flatMap((one) => one.split(",")) };
    const waiting = waitingOn(context, `waiting for the gate of ${project}`);
    const report = await client
      .call("POST", `${objectPath(kind, project)}/gate`, { body, answer: reportShape })
      .catch(async (error) => {
        throw await withNearestName(error, kind, project, client);
      })
      .finally(waiting.end);
    if (wantsJson(flags.output)) return terminal.out(jsonText(report));
    if (show) return terminal.out(`${escapeBlock(report.text)}\n`);
    if (report.gate === "off")
      terminal.err(`the gate of project '${project}' is off: models get nothing of this by themselves\n`);
    if (report.prompts.length === 0) return terminal.err(`project '${project}' has no prompts\n`);
    const rows = report.prompts.map(({ name, given, score, priority, bytes, why }) => [
      name,
      given ? "yes" : "no",
      String(score),
      String(priority),
      String(bytes),
      why,
    ]);
    const { columns, color } = terminal;
    terminal.out(
      table(["PROMPT", "GIVEN", "SCORE", "PRIORITY", "BYTES", "WHY"], rows, {
        columns,
        color,
        headers: true,
      }),
    );
  },
});
