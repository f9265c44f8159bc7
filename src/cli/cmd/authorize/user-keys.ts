import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { escapeLine } from "../../../wire/text.ts";
import type { Context } from "../../core/context.ts";
import { secretValue } from "../../flags/secret-values.ts";

/** The answer of a server that wants keys of its users instead of a login. */
export const WantedKeys = Type.Object({
  keys: Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 250 }),
});
export type Wanted = { keys: string[] };

/**
 * Asks for the user's own keys for an MCP server, one after the other. Nothing of the answers shows.
 *
 * @throws AppError `usage` without a terminal
 */
export async function askedKeys(
  { keys }: Wanted,
  server: string,
  context: Context,
): Promise<Record<string, string>> {
  const names = keys.map((key) => escapeLine(key));
  if (!context.terminal.inIsTerminal) {
    const flags = names.map((key) => ` --data ${key}=@FILE`).join("");
    throw new AppError("usage", `server "${server}" wants a key of yours: ${names.join(", ")}`, {
      hint: `write: mcpctl authorize server ${server}${flags}`,
    });
  }
  const values: Record<string, string> = {};
  for (const [i, key] of keys.entries()) {
    const value = await secretValue(names[i]!, "-", context);
    Object.defineProperty(values, key, { value, enumerable: true });
  }
  return values;
}
