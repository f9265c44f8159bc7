import type { Quirks } from "../../quirks/types.ts";
import { type Fields, isGiven, objectAt, quoted, refused } from "../request-fields.ts";
import { outputSchema } from "./json-schema.ts";

/** The way to ask for an answer of a given form: one of the three, or none. */
export interface RequestedFormat {
  /** `output_config.format` */
  format?: Fields;
  /** A tool whose arguments are the answer, for models that take no format. */
  tool?: Fields & { name: string };
  /** A sentence for the system prompt, for JSON without a schema. */
  instruction?: string;
}

/**
 * Translates `response_format` to what the model takes (cases 36, 37).
 *
 * @throws AppError `invalid_request`
 */
export function formatOf(body: Fields, quirks: Quirks): RequestedFormat {
  if (!isGiven(body.response_format)) return {};
  const format = objectAt(body.response_format, "/response_format");
  switch (format.type) {
    case "text":
      return {};
    case "json_object":
      return { instruction: "Answer with one JSON object and nothing else." };
    case "json_schema": {
      const described = objectAt(format.json_schema, "/response_format/json_schema");
      const path = "/response_format/json_schema/schema";
      const schema = objectAt(described.schema, path);
      if (quirks.outputFormat !== false)
        return { format: { type: "json_schema", schema: outputSchema(schema) } };
      if (isGiven(schema.type) && schema.type !== "object") {
        throw refused(`${path}/type`, "this llm's provider takes schemas of objects only");
      }
      return { tool: answerTool(answerToolName(body)!, described, schema) };
    }
    default:
      throw refused("/response_format/type", `response_format of type ${quoted(format.type)} is not known`);
  }
}

/**
 * Returns the name of the tool whose arguments are the answer; undefined where the request asks for no schema. No tool
 * of the caller has this name, so the answer cannot be confused with a call.
 */
export function answerToolName(body: Fields): string | undefined {
  if ((body.response_format as Fields | null | undefined)?.type !== "json_schema") return undefined;
  const own = new Set(toolNames(body));
  let name = "json";
  while (own.has(name)) name += "_";
  return name;
}

interface Named {
  name?: unknown;
}

/** Returns the names of a chat request's tools; undefined for a tool without one. */
export function toolNames({ tools }: Fields): unknown[] {
  if (!Array.isArray(tools)) return [];
  return tools.map((value) => {
    const tool = value as { name?: unknown; function?: Named; custom?: Named } | null;
    return tool?.function?.name ?? tool?.custom?.name ?? tool?.name;
  });
}

function answerTool(name: string, described: Fields, schema: Fields): Fields & { name: string } {
  return {
    name,
    description: isGiven(described.description)
      ? described.description
      : "Gives the answer. Every answer is given through this tool.",
    input_schema: { type: "object", ...schema },
  };
}
