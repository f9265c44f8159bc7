/** The reason of a failed call. After `connect` and `refused` nothing had been sent. */
export type FailureKind =
  | "connect"
  | "refused"
  | "timeout"
  | "closed"
  | "malformed"
  | "cancelled"
  | "too-large";

/** A call that got no response, or not a whole one. */
export class HttpFailure extends Error {
  override name = "HttpFailure";
  /** The proxy that the call went through: `proxy:3128`. */
  proxy?: string;
  /** True for a time limit that was over before anything was sent. */
  isUnsent?: true;
  constructor(
    readonly kind: FailureKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
