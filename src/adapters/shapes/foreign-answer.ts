import type { Dialect } from "../../wire/dialects/types.ts";
import { isObject } from "../../wire/json.ts";
import { translationFor } from "../translation/index.ts";

/**
 * Returns an answer in a dialect: the same one unless it is an answer of another dialect, which gateways send that forgot
 * to translate it (case 167).
 */
export function inDialect(body: unknown, dialect: Dialect): unknown {
  const other = dialectOfAnswer(body);
  if (other === undefined || other === dialect) return body;
  const { model } = body as { model?: unknown };
  return translationFor(dialect, other)!.response(body, typeof model === "string" ? model : "", {});
}

function dialectOfAnswer(body: unknown): Dialect | undefined {
  if (!isObject(body)) return undefined;
  const { object, type, choices, content, output, error } = body;
  if (error) return undefined;
  if (Array.isArray(choices)) return choices.length > 0 ? "chat" : undefined;
  if (type === "message" && Array.isArray(content)) return "messages";
  return object === "response" && Array.isArray(output) ? "responses" : undefined;
}
