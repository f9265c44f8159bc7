import { AppError } from "../../errors.ts";

/** The setting that a token came from: a variable or a file by its name, or `login` for that of `mcpctl login`. */
export type TokenOrigin = { variable: string } | { file: string } | "login";

/** The words of a server that knows no user for a request. */
const noUser = "log in, or send a valid token";

/**
 * Returns the error to throw for a refusal: of a token that was sent, it names the setting that the token came from, so
 * that it does not read like a missing login. The server tells everybody the same of expired, revoked and unknown tokens.
 */
export function namingToken(error: AppError, source: TokenOrigin | undefined): AppError {
  if (source === undefined || error.code !== "unauthenticated" || error.message !== noUser) return error;
  if (source === "login")
    return new AppError(
      "unauthenticated",
      "the server no longer accepts your login: it has expired or was revoked",
      {
        cause: error,
        hint: "log in again: mcpctl login",
      },
    );
  const place = "variable" in source ? source.variable : source.file;
  return new AppError(
    "unauthenticated",
    `the server refuses the token in ${place}: it has expired, was revoked, or is of another server`,
    {
      cause: error,
      hint:
        "variable" in source
          ? `set ${place} to a valid token, or unset it to use your login (mcpctl login)`
          : "put a valid token there; for a new one: mcpctl rotate token NAME, or mcpctl create token NAME",
    },
  );
}
