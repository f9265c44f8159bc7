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
  constructor(
    readonly kind: FailureKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Returns the failure of a connection that did not open in time, with the code that the system itself would give. */
export function connectTimeout(): HttpFailure {
  const cause = Object.assign(new Error("no connection opened in time"), { code: "ETIMEDOUT" });
  return new HttpFailure("connect", cause.message, { cause });
}
