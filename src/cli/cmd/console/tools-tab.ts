import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { faultOfArguments } from "../../../mcp/tool-contract.ts";
import { CallScreen } from "./call-screen.ts";
import { cutTo, fitted, jsonBlock, plainBlock, plainLine, type StyledSpan, widthOf } from "./cells.ts";
import { fieldsOf } from "./form.ts";
import { FormScreen } from "./form-screen.ts";
import { ListScreen } from "./list-screen.ts";
import { openRequest } from "./raw-screen.ts";
import { type TextPart, TextScreen } from "./text-screen.ts";
import type { ConsoleWorld } from "./world.ts";

/** The most columns of the names in a list. */
const widestName = 32;

/** A name and the begin of a description, in columns. */
export function namedRow(name: unknown, description: unknown, width: number): StyledSpan[] {
  const nameWidth = Math.min(widestName, Math.floor(width / 2));
  const text = typeof description === "string" ? plainLine(description.slice(0, 1000)) : "";
  return [
    { text: `${fitted(plainLine(String(name)), nameWidth)} ` },
    { text: cutTo(text, width - nameWidth - 1), style: "dim" },
  ];
}

/** The tools that the project offers to this session. */
export function toolsTab(world: ConsoleWorld): ListScreen<JsonObject> {
  return new ListScreen<JsonObject>({
    items: () => world.session.listing.tools,
    textOf: ({ name, description }) => `${String(name)} ${String(description ?? "")}`,
    row: ({ name, description }, width) => namedRow(name, description, width),
    empty: () => "the project offers no tools; see: mcpctl get tools -p PROJECT",
    open: (tool) => openTool(tool, world),
  });
}

function openTool(tool: JsonObject, world: ConsoleWorld): void {
  const name = String(tool["name"]);
  let isRaw = false;
  const parts = toolParts(tool);
  const raw = [{ text: jsonBlock(tool) }];
  world.stage.open(
    new TextScreen({
      title: plainLine(name),
      parts: () => (isRaw ? raw : parts),
      actions: {
        enter: { what: "call", act: () => openForm(tool, world) },
        j: {
          what: "JSON",
          act() {
            isRaw = !isRaw;
          },
        },
        x: { what: "edit as JSON-RPC", act: () => openRequest(world, "tools/call", { name, arguments: {} }) },
      },
    }),
  );
}

function openForm(tool: JsonObject, world: ConsoleWorld): void {
  const name = String(tool["name"]);
  world.stage.open(
    new FormScreen(
      {
        title: "arguments",
        schema: tool["inputSchema"],
        button: "Call",
        async submit(args) {
          const fault = await faultOfArguments(tool, args).catch((error: Error) => error.message);
          if (fault !== undefined) return `the arguments do not match the schema: ${fault}`;
          const params = { name, arguments: args };
          world.stage.open(new CallScreen({ title: "result", method: "tools/call", params, tool }, world));
          return undefined;
        },
      },
      world.stage,
    ),
  );
}

function toolParts(tool: JsonObject): TextPart[] {
  const { title, description, annotations, inputSchema, outputSchema } = tool;
  const parts: TextPart[] = [];
  if (typeof title === "string") parts.push({ text: plainBlock(title), style: "bold" });
  if (typeof description === "string") parts.push({ text: plainBlock(description) });
  const hints = Object.entries(isObject(annotations) ? annotations : {})
    .filter(([, value]) => typeof value === "boolean")
    .map(([key, value]) => `${key.replace(/Hint$/, "")}: ${String(value)}`);
  if (hints.length > 0) parts.push({ text: plainBlock(hints.join(", ")), style: "dim" });
  const fields = fieldsOf(inputSchema);
  parts.push(
    { text: "" },
    { text: fields.length > 0 ? "Arguments" : "It takes no arguments.", style: "bold" },
  );
  const nameWidth = Math.min(
    widestName,
    Math.max(0, ...fields.map((field) => widthOf(plainLine(field.name)) + 1)),
  );
  for (const { name, type, isRequired, description: about } of fields) {
    const label = fitted(`${plainLine(name)}${isRequired ? "*" : ""}`, nameWidth);
    parts.push({ text: `  ${label} ${type.padEnd(8)} ${plainLine(about)}`.trimEnd() });
  }
  if (outputSchema !== undefined)
    parts.push({ text: "" }, { text: "Output schema", style: "bold" }, { text: jsonBlock(outputSchema) });
  return parts;
}
