import type { InstanceRow } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";

export const instanceHooks: Hooks<InstanceRow> = {
  shownIn: ({ status }) => ({ kind: "server", name: status.server }),
  status({ id, status: { state, restarts = 0, ...rest } }, { snapshot }) {
    // Each server knows the use of its own instances only.
    const use = snapshot.volatile.instances.get(id);
    const memoryMb = use?.memoryMb();
    return {
      ...rest,
      status: state === "running" && use?.calls() === 0 ? "idle" : state,
      restarts,
      ...(use?.lastUsedAt !== undefined && { lastUsedAt: new Date(use.lastUsedAt).toISOString() }),
      ...(memoryMb !== undefined && { memoryMb }),
    };
  },
};
