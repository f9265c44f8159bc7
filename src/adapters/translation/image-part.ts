import { type Fields, objectAt } from "./request-fields.ts";

/**
 * Returns the `image_url` of a chat part. Some clients write the address itself in place of the object.
 *
 * @throws AppError `invalid_request`
 */
export function imageOf(value: unknown, path: string): Fields {
  return typeof value === "string" ? { url: value } : objectAt(value, path);
}
