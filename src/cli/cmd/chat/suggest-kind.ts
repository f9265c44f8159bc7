import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { isName } from "../../../kinds/names.ts";
import { anything } from "../../client/answers.ts";
import type { ApiClient } from "../../client/client.ts";
import { withNearestName } from "../../client/objects.ts";
import type { Partner } from "./conversation.ts";

/** The kinds as people call them. */
const words = { agent: "a persona", llm: "an llm" } as const;
const others = { agent: ["llm", "chat-llm"], llm: ["agent", "chat"] } as const;

/**
 * An error in the words of the command line. If an object of the other kind has the name, the hint says so instead of
 * suggesting the nearest name.
 */
export async function suggestKind(
  error: unknown,
  { kind, name }: Pick<Partner, "kind" | "name">,
  client: ApiClient,
): Promise<unknown> {
  const named = await withNearestName(error, kindOf(kind), name, client);
  // The same error: the object exists, or it is another failure.
  if (named === error || !(named instanceof AppError) || !isName(name)) return named;
  const [other, verb] = others[kind];
  const isOther = await client
    .call("GET", `/api/v1/${kindOf(other).plural}/${name}`, { answer: anything })
    .then(
      () => true,
      () => false,
    );
  if (!isOther) return named;
  return new AppError("not_found", named.message, {
    hint: `"${name}" is ${words[other]}: mcpctl ${verb} ${name}`,
  });
}
