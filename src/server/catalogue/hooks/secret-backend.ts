import { AppError } from "../../../errors.ts";
import type { Hooks } from "../hooks.ts";

export const secretBackendHooks: Hooks = {
  /** Exactly one backend is the default, at any time: the old one steps down in the same transaction. */
  prepare(draft) {
    const isDefault = draft.row.spec["isDefault"];
    if (draft.before?.spec["isDefault"] === true && !isDefault) {
      throw new AppError("conflict", "one backend must be the default", {
        hint: "make another one the default instead: this one then steps down",
      });
    }
    if (!isDefault) return;
    for (const other of draft.snapshot.table("secretbackend").sorted) {
      if (other.id === draft.row.id || other.spec["isDefault"] !== true) continue;
      const row = {
        ...other,
        spec: { ...other.spec, isDefault: false },
        version: other.version + 1,
        updatedAt: draft.row.updatedAt,
      };
      draft.writeFirst.push({ op: "update", row, refs: [] });
    }
  },
  remove(draft) {
    if (draft.row.spec["isDefault"]) {
      throw new AppError("conflict", `secret backend "${draft.row.name}" is the default`, {
        hint: "make another one the default first",
      });
    }
    if (draft.row.status["builtIn"]) {
      throw new AppError(
        "conflict",
        `secret backend "${draft.row.name}" is built in: a backend's own credentials live there`,
      );
    }
  },
  status(row, { snapshot }) {
    return { secretCount: snapshot.pointersTo.get(row.id)?.length ?? 0 };
  },
};
