import { builtInProxyModels } from "../../kinds/proxy-models.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { ProjectRow, ProxyModelRow } from "../core/store/typed-rows.ts";

/** The proxy model of projects whose own is not known: earlier versions took any word. */
const fallback = builtInProxyModels.find(({ name }) => name === "default")!;

/** Returns the proxy model of a project: its gate, and its stages. */
export function proxyModelOf(snapshot: Snapshot, { spec }: ProjectRow): ProxyModelRow["spec"] {
  return snapshot.named("proxymodel", spec.proxyModel)?.spec ?? fallback;
}
