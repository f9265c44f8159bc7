import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { nullable } from "../../kinds/define.ts";
import { fieldsOf, Name, Time, Words } from "../client/answers.ts";
import { answerShape } from "../client/shape.ts";
import { defineVerb } from "../core/command.ts";
import { age, sizeText } from "../output/cells.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
import { table } from "../output/table.ts";

const cacheAnswer = answerShape(
  Type.Array(
    Type.Object({
      project: Name,
      user: nullable(Words),
      token: nullable(Words),
      server: nullable(Words),
      subject: Words,
      parts: Type.Integer(),
      bytes: Type.Integer(),
      expiresAt: Time,
      node: Words,
    }),
  ),
);

const clearAnswer = fieldsOf({ removed: Type.Integer() });

/** `mcpctl cache list|clear [-p PROJECT]` */
export const cache = defineVerb({
  meta: {
    name: "cache",
    description: "List or clear the long results of MCP servers that are kept",
    about: `Where a project cuts long results into pages or sections, the server keeps them in memory for 30 minutes, so
      that clients can read further pages without another call. "list" shows your own, and those of projects that you may
      edit; never their text. "clear" removes these, with the titles that a model has written for them.`,
    usage: "list|clear [-p PROJECT] [-o json|yaml]",
    examples: [
      ["mcpctl cache list -p website", "Show the results that are kept for clients of the project website"],
      ["mcpctl cache clear", "Remove all that you may remove"],
    ],
  },
  output: objectFormats,
  args: {
    action: { type: "positional", description: "list or clear", complete: ["list", "clear"] },
  },
  async run({ action }, context) {
    const { terminal, flags } = context;
    if (action !== "list" && action !== "clear")
      throw new AppError("usage", `unknown action "${action}"`, { hint: "write list or clear" });
    const print = await dataPrinter(flags.output);
    const query = flags.project === undefined ? {} : { project: flags.project };
    const client = await context.client();
    if (action === "clear") {
      const answer = await client.call("DELETE", "/api/v1/cache", { query, answer: clearAnswer });
      terminal.out(print ? print(answer) : `${answer.removed} results removed\n`);
      return;
    }
    const results = await client.call("GET", "/api/v1/cache", { query, answer: cacheAnswer });
    if (print) return terminal.out(print(results));
    if (results.length === 0) return terminal.err("No long results are kept.\n");
    const rows = results.map((one) => [
      one.project,
      one.server ?? "-",
      one.subject,
      String(one.parts),
      sizeText(one.bytes),
      one.token ?? one.user ?? "-",
      age(one.expiresAt, context.now()),
      one.node,
    ]);
    const headers = ["PROJECT", "SERVER", "RESULT", "PARTS", "SIZE", "FOR", "EXPIRES", "NODE"];
    terminal.out(table(headers, rows, { columns: terminal.columns, color: terminal.color, headers: true }));
  },
});
