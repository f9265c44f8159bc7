import { faultsInTemplate } from "../../../../kinds/template-values.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import { refuseBuiltIn } from "../built-in.ts";
import type { Hooks } from "../hooks.ts";

type TemplateRow = RowOf<"template">;

export const templateHooks: Hooks<TemplateRow> = {
  prepare({ before, row, faults }) {
    if (before) refuseBuiltIn(before, "changed");
    faults.push(...faultsInTemplate(row.spec));
  },
  remove({ row }) {
    refuseBuiltIn(row, "deleted");
  },
  status: ({ status }) => ({ builtIn: status.builtIn === true }),
};
