import type { ProxyModelRow } from "../../store/typed-rows.ts";
import { refuseBuiltIn } from "../built-in.ts";
import type { Hooks } from "../hooks.ts";
import { faultsOfStages } from "../stage-faults.ts";

export const proxyModelHooks: Hooks<ProxyModelRow> = {
  prepare({ before, row, faults }) {
    if (before) refuseBuiltIn(before, "changed");
    faults.push(...faultsOfStages(row.spec.stages));
  },
  remove({ row }) {
    refuseBuiltIn(row, "deleted");
  },
  status: ({ status }) => ({ builtIn: status.builtIn === true }),
};
