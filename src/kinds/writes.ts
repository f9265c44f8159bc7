import { AppError } from "../errors.ts";
import type { Kind, WriteOperation } from "./define.ts";

type Writable = Pick<Kind, "plural" | "writes">;

const participles: Record<WriteOperation, string> = {
  create: "created",
  update: "changed",
  delete: "deleted",
};

/** True if users may ask for a write. Descriptors from servers older than `writes` allow all. */
export function allowsWrite({ writes }: Partial<Pick<Kind, "writes">>, operation: WriteOperation): boolean {
  return writes?.includes(operation) ?? true;
}

/** Throws AppError `method_not_allowed` if users may not ask for a write: `instances cannot be created`. */
export function assertWrite(kind: Writable, operation: WriteOperation): void {
  if (!allowsWrite(kind, operation)) throw writeRefusal(kind, operation);
}

/** The error for a write that a kind does not allow. */
export function writeRefusal(kind: Writable, operation: WriteOperation): AppError {
  return new AppError("method_not_allowed", `${kind.plural} cannot be ${participles[operation]}`, {
    hint: `the server makes them; to see them: mcpctl get ${kind.plural}`,
  });
}
