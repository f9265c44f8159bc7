import type { EndpointRequest } from "./endpoint/endpoint-types.ts";

/**
 * The servers of mcpctl on one database, as far as clients that come to one of them belong to another: their session is
 * there, or a call of theirs waits there for an answer.
 */
export interface ClientNodes {
  /** The label of this one. */
  readonly own: string;
  /**
   * Hands a request on to another one, and returns its response.
   *
   * @param label of the other one, as the client gave it
   * @returns undefined if that one is gone or cannot be reached, so that the request was not carried out
   * @throws AppError if it was lost on its way back, or the other one refuses it
   */
  forward(label: string, incoming: EndpointRequest): Promise<Response | undefined>;
}

/** Adds the label of a server to a value for a client, so that the client can come back to any of them: `RANDOM.LABEL`. */
export function withLabel(value: string, { own }: Pick<ClientNodes, "own">): string {
  return `${value}.${own}`;
}

/** Takes a value of a client apart. */
export function labelled(value: string): { value: string; label?: string } {
  const dot = value.lastIndexOf(".");
  return dot < 0 ? { value } : { value: value.slice(0, dot), label: value.slice(dot + 1) };
}
