import { type Fields, isGiven, quoted, refused } from "../request-fields.ts";
import { isOurReasoning } from "./carried-reasoning.ts";

/** What would have the server or the provider remember a conversation, and the value at which it does not. */
const stateful: Readonly<Record<string, (value: unknown) => boolean>> = {
  store: (value) => value === false,
  background: (value) => value === false,
  previous_response_id: () => false,
  conversation: () => false,
  prompt: () => false,
};

/**
 * Refuses by name what needs memory between calls: each request carries its whole conversation. `store` may be
 * absent, as SDKs leave it, and counts as false.
 *
 * @throws AppError `invalid_request`
 */
export function refuseState(body: Fields): void {
  for (const [name, isNeutral] of Object.entries(stateful)) {
    const value = body[name];
    if (!isGiven(value) || isNeutral(value)) continue;
    const what = name === "store" || name === "background" ? `${name}: ${quoted(value)}` : name;
    throw refused(`/${name}`, `${what} is not supported: nothing is kept between two calls, send all items`);
  }
  itemsOf(body).forEach((item, index) => {
    if (item?.type !== "item_reference") return;
    throw refused(
      `/input/${index}`,
      `input[${index}] is an item_reference, which is not supported: nothing is kept between two calls, send the item`,
    );
  });
}

/**
 * What is set anew in a request that goes to a provider which speaks responses itself: the provider is told to
 * keep nothing, and reasoning that another provider made, which it would refuse, is taken out.
 *
 * @returns Values for top-level fields; all others stay as they are.
 * @throws AppError `invalid_request`, as `refuseState`
 */
export function nativeChanges(body: Fields): Fields {
  refuseState(body);
  const items = itemsOf(body);
  return {
    ...(body.store !== false && { store: false }),
    ...(items.some(isOurReasoning) && { input: items.filter((item) => !isOurReasoning(item)) }),
  };
}

function itemsOf({ input }: Fields): (Fields | null)[] {
  return Array.isArray(input) ? input : [];
}
