import { expect } from "vitest";
import type { BaoResponse } from "./types.ts";

const volatile: [pattern: RegExp, word: string][] = [
  [/\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/g, "<uuid>"],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z/g, "<time>"],
  [/\b[sb]\.[\w-]{24,}(\.\w{6})?(?=")/g, "<token>"],
  [/(?<="accessor":")\w{24}(\.\w{6})?(?=")/g, "<accessor>"],
  [/(?<="accessor":")\w+_[\da-f]{8}(?=")/g, "<accessor>"],
];

/** Returns a response with placeholders for values that differ each time: ids, times, tokens. */
export function shape({ status, body }: BaoResponse): [status: number, body: unknown] {
  let text = JSON.stringify(body ?? null);
  for (const [pattern, word] of volatile) text = text.replace(pattern, word);
  return [status, JSON.parse(text)];
}

/** Returns the body of a success, as `shape` shows it. */
export function success(
  data: unknown,
  {
    status = 200,
    warnings = null,
    auth = null,
  }: { status?: number; warnings?: string[] | null; auth?: unknown } = {},
): [status: number, body: unknown] {
  const lease = { lease_id: "", renewable: false, lease_duration: 0 };
  return [status, { request_id: "<uuid>", ...lease, data, wrap_info: null, warnings, auth }];
}

/** Returns the body of an error. */
export function error(status: number, ...errors: string[]): [status: number, body: unknown] {
  return [status, { errors }];
}

/** A success without a body. */
export const done: [status: number, body: unknown] = [204, null];

/** The response to a token that may not do something. */
export const denied = error(403, "1 error occurred:\n\t* permission denied\n\n");

/** The response to a request without a token, or with an invalid one. */
export const unknownToken = error(403, "permission denied");

/** Returns the `auth` of a response, as `shape` shows it. */
export const auth = (policies: string[], over: object = {}) => ({
  client_token: "<token>",
  accessor: "<accessor>",
  policies,
  token_policies: policies,
  metadata: null,
  lease_duration: 3600,
  renewable: true,
  entity_id: "",
  token_type: "service",
  orphan: false,
  mfa_requirement: null,
  num_uses: 0,
  ...over,
});

/** Returns the data of a lookup, as `shape` shows it, without times that change. */
export const looked = (policies: string[], over: object = {}) => ({
  accessor: "<accessor>",
  creation_time: expect.any(Number),
  creation_ttl: 3600,
  display_name: "token",
  entity_id: "",
  expire_time: "<time>",
  explicit_max_ttl: 0,
  id: "<token>",
  issue_time: "<time>",
  meta: null,
  num_uses: 0,
  orphan: false,
  path: "auth/token/create",
  policies,
  renewable: true,
  ttl: expect.any(Number),
  type: "service",
  ...over,
});
