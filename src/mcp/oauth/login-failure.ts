/** The reason why an authorization server gave no access, in words for people. Nothing secret is in it. */
export class LoginFailure extends Error {
  override readonly name = "LoginFailure";
  /** True if the same may succeed later: the authorization server was not reached, or has a fault. */
  readonly mayPass: boolean;

  constructor(message: string, { mayPass = false, cause }: { mayPass?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.mayPass = mayPass;
  }
}

/** The longest text of an authorization server that is shown. */
const longest = 300;

/** Returns a text of an authorization server as it may be shown: short, on one line, and moving no cursor. */
export function plainText(text: unknown): string {
  const plain = String(text)
    .replace(/[^\x20-\x7e\u00a0-\u2027\u202a-\uffff]+/g, " ")
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, "")
    .trim();
  return plain.length > longest ? `${plain.slice(0, longest)}…` : plain;
}

/**
 * Returns the failure for what the SDK threw. Its messages can quote whole responses, which may hold tokens, so that of an
 * error of OAuth alone is shown, with its code.
 */
export function loginFailure(error: unknown, what: string): LoginFailure {
  if (error instanceof LoginFailure) return error;
  const { name, code, message } = error as { name?: string; code?: unknown; message?: string };
  if (typeof code === "string" && /^[a-z_]{1,60}$/.test(code) && name === "OAuthError") {
    const isTold = code !== "server_error";
    const said = isTold && message ? `: ${plainText(message)}` : "";
    return new LoginFailure(`${what}: the authorization server answered ${code}${said}`, {
      mayPass: code === "server_error" || code === "temporarily_unavailable" || code === "too_many_requests",
      cause: error,
    });
  }
  const said = sdkFailures[name ?? ""];
  return new LoginFailure(`${what}: ${said ?? "the authorization server sent an unexpected answer"}`, {
    cause: error,
  });
}

/** The errors of the SDK by name, in our own words. */
const sdkFailures: Readonly<Record<string, string>> = {
  IssuerMismatchError:
    "the answer names another authorization server than the one that was asked; this can be an attack, nothing was sent",
  RegistrationRejectedError:
    "the authorization server does not register clients; register mcpctl there by hand and set oauth.clientId",
  InsecureTokenEndpointError: "an address of the authorization server is not https",
  AuthorizationServerMismatchError: "the client belongs to another authorization server",
};
