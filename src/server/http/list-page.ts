import { AppError } from "../../errors.ts";
import type { Page } from "../core/store/task-store.ts";
import { wholeNumberIn } from "./query.ts";

/**
 * Reads the page of a list of OpenAI's API from a query. It asks for one object more, to know if there is another page.
 *
 * @param most the most objects of a page
 * @param usual the number where the query says none
 * @throws AppError `invalid_request`
 */
export function pageIn(query: URLSearchParams, most: number, usual: number, defaultOrder = "desc"): Page {
  const limit = wholeNumberIn(query, "limit") ?? usual;
  if (limit < 1 || limit > most) throw invalid("limit", `limit must be 1 to ${most}`);
  const order = query.get("order") ?? defaultOrder;
  if (order !== "asc" && order !== "desc") throw invalid("order", "order must be asc or desc");
  const after = query.get("after");
  if (after !== null && !/^\w{1,64}$/.test(after)) throw invalid("after", "after must be an id of the list");
  return { limit: limit + 1, isAscending: order === "asc", ...(after !== null && { after }) };
}

/** Returns a page as OpenAI's API shows it. */
export function listPage<T>(found: readonly T[], { limit }: Page, view: (one: T) => { id: string }): object {
  const data = found.slice(0, limit - 1).map(view);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: found.length >= limit,
  };
}

/** Returns a time in seconds, as OpenAI's API has it. */
export function secondsOf(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.floor(milliseconds / 1000);
}

function invalid(name: string, message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path: `?${name}`, message }] });
}
