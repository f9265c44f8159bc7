import { AppError } from "../../errors.ts";
import type { Context } from "../core/context.ts";
import { reportFailure } from "../core/failure.ts";
import type { Manifest } from "./manifest.ts";

/** Writes the error of one manifest, with the file and the line. Returns its exit code. */
export function reportManifestFailure(
  error: unknown,
  { kind, name, source }: Manifest,
  { terminal, flags }: Context,
): number {
  const { code, message, details, hint } = error as AppError;
  const where = new AppError(code, `${source}: ${kind.kind} '${name}': ${message}`, {
    cause: error,
    ...(details && { details }),
    ...(hint && { hint }),
  });
  return reportFailure(where, terminal, flags.verbose);
}

const fatalCodes: ReadonlySet<string> = new Set(["connection_failed", "unauthenticated", "interrupted"]);

/** True for an error that every other object would meet as well, and for a defect. */
export function isFatal(error: unknown): boolean {
  return !(error instanceof AppError) || fatalCodes.has(error.code);
}
