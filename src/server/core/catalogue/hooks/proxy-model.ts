import type { ProxyModelRow } from "../../store/typed-rows.ts";
import { refuseBuiltIn } from "../built-in.ts";
import type { Hooks } from "../hooks.ts";

export const proxyModelHooks: Hooks<ProxyModelRow> = {
  prepare({ before }) {
    if (before) refuseBuiltIn(before, "changed");
  },
  remove({ row }) {
    refuseBuiltIn(row, "deleted");
  },
  status: ({ status }) => ({ builtIn: status.builtIn === true }),
};
