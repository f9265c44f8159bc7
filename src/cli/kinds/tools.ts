import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { isObject } from "../../wire/json.ts";
import { escapeLine } from "../../wire/text.ts";
import { getObject, listObjects, objectPath, withNearestName } from "../client/objects.ts";
import { answerShape } from "../client/shape.ts";
import type { Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { plain } from "../output/cells.ts";
import type { Format } from "../output/format.ts";
import { printedAsData } from "../output/print.ts";
import { table } from "../output/table.ts";
import type { Report } from "./extension.ts";

/** `mcpctl get tools -p PROJECT`: the tools of the project's MCP servers, and why some are not offered. */
export const tools: Report = { args: {}, print: printTools };

const ToolName = Type.String({ maxLength: 1000 });
const toolsAnswer = answerShape(
  Type.Array(
    Type.Object({
      name: ToolName,
      server: Type.Union([ToolName, Type.Null()]),
      original: ToolName,
      tokens: Type.Integer(),
      offered: Type.Boolean(),
      reason: Type.Union([ToolName, Type.Null()]),
    }),
  ),
);

/** The reasons in words that say what to do. */
const reasons: Readonly<Record<string, string>> = {
  denied: "denied by tools of the server or of its attachment",
  changed: "changed; see mcpctl approve server",
  failed: "the server has failed",
  invalid: "clients could not use its schemas",
  collision: "offered under another name: its own was taken",
  renamed: "offered under another name: clients refuse its own",
};

async function printTools(
  args: Readonly<Record<string, Value>>,
  format: Format,
  context: Context,
): Promise<void> {
  const { terminal, flags } = context;
  if (flags.project === undefined)
    throw new AppError("usage", "-p PROJECT is missing", { hint: "write: mcpctl get tools -p PROJECT" });
  const names = (args["names"] ?? []) as readonly string[];
  const client = await context.client();
  const kind = kindOf("project");
  const path = `${objectPath(kind, flags.project)}/tools`;
  const all = await client.call("GET", path, { answer: toolsAnswer }).catch(async (error) => {
    throw await withNearestName(error, kind, flags.project!, client);
  });
  const found =
    names.length === 0
      ? all
      : all.filter(({ name, original }) => names.includes(name) || names.includes(original));
  const missing = names.find((name) => !all.some((tool) => tool.name === name || tool.original === name));
  if (missing !== undefined)
    throw new AppError("not_found", `project "${flags.project}" has no tool "${missing}"`, {
      hint: `Run: mcpctl get tools -p ${flags.project}`,
    });
  if (format.as === "name") return terminal.out(found.map(({ name }) => `${escapeLine(name)}\n`).join(""));
  const withHeaders = args["no-headers"] !== true;
  if (await printedAsData(terminal, format, found, found, withHeaders)) return;
  if (found.length > 0) {
    const rows = found.map((tool) => [
      tool.name,
      plain(tool.server),
      String(tool.tokens),
      tool.offered ? "yes" : "no",
      ...(format.as === "wide" ? [tool.original] : []),
      tool.reason === null ? "-" : (reasons[tool.reason] ?? tool.reason),
    ]);
    const headers = [
      "NAME",
      "SERVER",
      "TOKENS",
      "OFFERED",
      ...(format.as === "wide" ? ["ORIGINAL"] : []),
      "REASON",
    ];
    const { columns, color } = terminal;
    terminal.out(table(headers, rows, { columns, color, headers: withHeaders }));
  }
  await writeNotes(all, flags.project, context);
}

/** Writes the sum, and a note about every attached server of which no tool is known. */
async function writeNotes(
  tools: NonNullable<(typeof toolsAnswer)["of"]>,
  project: string,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const offered = tools.filter((tool) => tool.offered);
  const sum = offered.reduce((total, { tokens }) => total + tokens, 0);
  const known = new Set(tools.map(({ server }) => server));
  const { servers } = await getObject(kindOf("project"), project, context);
  const silent = (Array.isArray(servers) ? servers : []).filter((name) => !known.has(name));
  if (tools.length === 0 && silent.length === 0)
    return terminal.err(`project '${project}' has no tools: attach a server with mcpctl attach-server\n`);
  terminal.err(`${offered.length} of ${tools.length} tools are offered, about ${sum} tokens\n`);
  if (silent.length === 0) return;
  const rows = await listObjects(kindOf("server"), context).catch(() => []);
  for (const name of silent) {
    const row = rows.find((one) => one.name === name);
    const conditions = (Array.isArray(row?.["conditions"]) ? row["conditions"] : []).filter(isObject);
    const reasons = conditions.map(({ message }) => plain(message)).join("; ");
    const status = plain(row?.["status"]);
    const state = reasons === "" && status === "ready" ? "it is ready, and has none" : status;
    const why = reasons === "" ? "" : `: ${reasons}`;
    terminal.err(`${escapeLine(`server '${plain(name)}' has listed no tools: ${state}${why}`)}\n`);
  }
}
