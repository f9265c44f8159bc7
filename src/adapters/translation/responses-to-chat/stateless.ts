import { type Fields, isGiven, quoted, refused } from "../request-fields.ts";

/** Fields that ask for stored conversations, and the values with which they ask for nothing. */
const stateful: Readonly<Record<string, (value: unknown) => boolean>> = {
  background: (value) => value === false,
  previous_response_id: () => false,
  conversation: () => false,
  prompt: () => false,
};

/** Those of them that a provider can keep for one caller. A stored prompt belongs to all of the provider's account. */
const kept: readonly string[] = ["background", "previous_response_id", "conversation"];

/**
 * Refuses fields that need more state between calls than the memory of answers, which holds for half an hour whatever
 * `store` says.
 *
 * @param keepsState true if the provider keeps answers and conversations
 * @throws AppError `invalid_request`
 */
export function refuseState(body: Fields, keepsState = false): void {
  for (const [name, isNeutral] of Object.entries(stateful)) {
    const value = body[name];
    if (!isGiven(value) || isNeutral(value) || (keepsState && kept.includes(name))) continue;
    const what = name === "background" ? `${name}: ${quoted(value)}` : name;
    throw refused(`/${name}`, `${what} is not supported: no state is kept between two calls; send all items`);
  }
  itemsOf(body).forEach((item, index) => {
    if (item?.type !== "item_reference") return;
    throw refused(
      `/input/${index}`,
      `input[${index}] is an item_reference, which is not supported: no state is kept between two calls; send the item`,
    );
  });
}

/** Returns the items of a request's input; none where the input is a text. */
export function itemsOf({ input }: Fields): (Fields | null)[] {
  return Array.isArray(input) ? input : [];
}
