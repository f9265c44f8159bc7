import { TabbedScreen } from "../../ui/tabbed-screen.tsx";
import { Llms } from "./llms.tsx";
import { Personas } from "./personas.tsx";
import { Pools } from "./pools.tsx";
import { Workstations } from "./workstations.tsx";

const tabs = {
  llms: ["LLMs", Llms],
  pools: ["Pools", Pools],
  personas: ["Personas", Personas],
  workstations: ["Workstations", Workstations],
} as const;

/** Llms, pools, personas, and what workstations publish. */
export function Models() {
  return <TabbedScreen title="Models" place="models" tabs={tabs} />;
}
