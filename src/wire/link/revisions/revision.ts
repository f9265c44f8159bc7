/**
 * One revision of the link protocol: a codec for the points in which revisions differ. All that is not here is the
 * same in every revision.
 */
export interface LinkRevision {
  /** The number that an agent sends as `protocol` when it registers. */
  readonly protocol: number;
  /** True if an agent accepts a task before it works on it. If false, the delivery of a task is its acceptance. */
  readonly acceptsTasks: boolean;
  /** True if an agent counts its credit. If false, only the answer to its last POST can hold it back. */
  readonly countsCredit: boolean;
  /**
   * True if long requests and whole responses are sent in parts. On a WebSocket, a request that is not in the task then
   * follows it in binary frames of the task's channel, and both sides say how many bytes have arrived.
   */
  readonly sendsParts: boolean;
  /**
   * The status of an llm that registers without one, until its agent reports a status. From revision 3 on, an agent
   * gives one to every llm that can be called or woken.
   */
  readonly defaultStatus: "active" | "inactive";
  /**
   * Encodes the request of a task.
   *
   * @param request the body for the provider, as JSON text
   */
  encodeRequest(request: string): EncodedRequest;
  /**
   * Decodes the epoch header of an attach.
   *
   * @param epoch the last epoch that the agent knows; undefined if it sent none
   * @returns true if the agent may be the one that had the session before, and may go on with its tasks
   */
  mayContinue(epoch: number | undefined): boolean;
}

/** A request on its way to an agent, as JSON text. It goes with the task or with the acceptance. */
export type EncodedRequest = { withTask: string } | { withAcceptance: string };
