import type { InstanceRow } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";

export const instanceHooks: Hooks<InstanceRow> = {
  status({ status: { state, restarts = 0, ...rest } }) {
    return { ...rest, status: state, restarts };
  },
};
