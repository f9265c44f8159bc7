import type { CallRequest } from "../../../wire/incoming-request.ts";

/** The parts of an HTTP request that the endpoint uses. */
export type McpHttpRequest = Pick<
  CallRequest,
  "method" | "url" | "headers" | "signal" | "takesLive" | "whenGone"
>;
