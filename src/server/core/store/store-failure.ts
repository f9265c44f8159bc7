import { AppError } from "../../../errors.ts";
import { systemReason } from "../../../system-errors.ts";
import type { StoreError } from "./types.ts";

/** Returns the AppError for a refusal of the store. */
export function storeFailure(error: StoreError): AppError {
  switch (error.refusal) {
    case "taken":
      return new AppError("name_taken", "the name is taken", { cause: error });
    case "stale":
      return new AppError("stale_version", "it has been changed in the meantime", {
        cause: error,
        hint: "read it again",
      });
    case "ended":
      return new AppError("unauthenticated", "the login session, the token or the user has ended", {
        cause: error,
        hint: "log in again",
      });
    case "referenced":
      return new AppError("still_referenced", "something still points at it", { cause: error });
    case "dangling":
      return new AppError("conflict", "what it refers to has been deleted in the meantime", { cause: error });
    case "full":
      return new AppError("storage_full", error.reason ?? "the disk is full: nothing was written", {
        cause: error,
      });
    case "unavailable":
      return new AppError("unavailable", error.reason ?? `the database does not answer${reasonOf(error)}`, {
        cause: error,
        retryAfter: 1,
      });
  }
}

function reasonOf(error: StoreError): string {
  const reason = systemReason(error);
  return reason ? `: ${reason.text}` : "";
}
