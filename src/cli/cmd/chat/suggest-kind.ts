import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { isName } from "../../../kinds/names.ts";
import type { ApiClient } from "../../client/client.ts";
import { withNearestName } from "../../client/objects.ts";
import type { Partner } from "./talk.ts";

const others = { agent: ["llm", "chat-llm"], llm: ["agent", "chat"] } as const;

/** An error in the words of the command line. That it is of the other kind explains more than the nearest name does. */
export async function withNearestPartner(
  error: unknown,
  { kind, name }: Pick<Partner, "kind" | "name">,
  client: ApiClient,
): Promise<unknown> {
  const told = await withNearestName(error, kindOf(kind), name, client);
  // The same error: it is there, or something else went wrong.
  if (told === error || !(told instanceof AppError) || !isName(name)) return told;
  const [other, verb] = others[kind];
  const isOther = await client.call("GET", `/api/v1/${kindOf(other).plural}/${name}`).then(
    () => true,
    () => false,
  );
  if (!isOther) return told;
  return new AppError("not_found", told.message, { hint: `it is an ${other}: mcpctl ${verb} ${name}` });
}
