import { AppError } from "../../../errors.ts";
import type { Row } from "../store/types.ts";

/** Throws AppError `conflict` for a row that comes with mcpctl. */
export function refuseBuiltIn(
  { kind, name, status }: Pick<Row, "kind" | "name"> & { status: { builtIn?: boolean } },
  participle: "changed" | "deleted",
): void {
  if (!status.builtIn) return;
  throw new AppError("conflict", `${kind} "${name}" comes with mcpctl and cannot be ${participle}`, {
    hint: "create one of another name",
  });
}
