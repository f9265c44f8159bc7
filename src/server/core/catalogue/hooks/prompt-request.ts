import type { PromptRequestRow } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";

export const promptRequestHooks: Hooks<PromptRequestRow> = {
  /** A proposal takes the place of one of its name that is decided. */
  prepare({ before, row, snapshot, writeFirst }) {
    if (before) return;
    row.status = { status: "pending" };
    const earlier = snapshot.named("promptrequest", row.name, row.scope);
    if (earlier && earlier.status.status !== "pending")
      writeFirst.push({ op: "delete", id: earlier.id, version: earlier.version });
  },
  status: ({ owner, status: { status, decidedBy } }, { snapshot }) => ({
    proposedBy: snapshot.nameOf(owner),
    status,
    decidedBy: snapshot.nameOf(decidedBy ?? null),
  }),
};
