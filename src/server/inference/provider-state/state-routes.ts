import type { Caller } from "../../core/caller.ts";
import type { ParsedRequest } from "../request.ts";

/** A route of what a provider keeps for its callers. */
export interface StateRoute {
  readonly method: "GET" | "POST" | "DELETE";
  /** The path here and at the provider. `:id` is the object. */
  readonly path: `/v1/${string}`;
  readonly summary: string;
  /** Query parameters that are passed on. */
  readonly query?: readonly string[];
  readonly does?: "create" | "delete" | "cancel";
  readonly takesBody?: true;
}

/** A call about what a provider keeps. */
export interface StateCall extends Caller {
  route: StateRoute;
  /** The id of the object; undefined where one is created. */
  id?: string | undefined;
  /** The id of an item of the object. */
  item?: string | undefined;
  query: URLSearchParams;
  httpRequest: Request;
  onLastBytes(): void;
  /** Reads the body. Throws AppError. */
  read(): Promise<ParsedRequest>;
}

const pages = ["after", "before", "limit", "order", "include", "include[]"] as const;
const of = "of an llm whose field responses is stateful";

/** Every route of what a provider keeps: https://developers.openai.com/api/docs/guides/conversation-state */
export const stateRoutes: readonly StateRoute[] = [
  {
    method: "GET",
    path: "/v1/responses/:id",
    summary: `Read an answer ${of}`,
    query: ["include", "include[]", "include_obfuscation", "starting_after", "stream"],
  },
  { method: "DELETE", path: "/v1/responses/:id", summary: `Delete an answer ${of}`, does: "delete" },
  {
    method: "POST",
    path: "/v1/responses/:id/cancel",
    summary: `Cancel an answer in the background, ${of}`,
    does: "cancel",
  },
  {
    method: "GET",
    path: "/v1/responses/:id/input_items",
    summary: `List the input of an answer ${of}`,
    query: pages,
  },
  {
    method: "POST",
    path: "/v1/conversations",
    summary: `Begin a conversation ${of}; the model field names it, and can be left out if the caller may run one only`,
    does: "create",
    takesBody: true,
  },
  { method: "GET", path: "/v1/conversations/:id", summary: `Read a conversation ${of}` },
  {
    method: "POST",
    path: "/v1/conversations/:id",
    summary: `Change the metadata of a conversation ${of}`,
    takesBody: true,
  },
  { method: "DELETE", path: "/v1/conversations/:id", summary: `Delete a conversation ${of}`, does: "delete" },
  {
    method: "GET",
    path: "/v1/conversations/:id/items",
    summary: `List the items of a conversation ${of}`,
    query: pages,
  },
  {
    method: "POST",
    path: "/v1/conversations/:id/items",
    summary: `Add items to a conversation ${of}`,
    query: ["include", "include[]"],
    takesBody: true,
  },
  {
    method: "GET",
    path: "/v1/conversations/:id/items/:item",
    summary: `Read an item of a conversation ${of}`,
    query: ["include", "include[]"],
  },
  {
    method: "DELETE",
    path: "/v1/conversations/:id/items/:item",
    summary: `Delete an item of a conversation ${of}`,
  },
];
