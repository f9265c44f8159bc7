import type { Core } from "./core.ts";
import { type Data, Refusal } from "./logical.ts";
import { version } from "./mounts.ts";
import type { WireResponse } from "./wire.ts";

const cluster = { cluster_name: "vault-cluster-7e57", cluster_id: "7e577e57-0000-4000-8000-7e577e577e57" };

/** Makes the response of `sys/health`. Its status says the state of the server, and a query can choose it. */
export function health(core: Core, method: string, values: URLSearchParams): WireResponse {
  if (method !== "GET" && method !== "HEAD") throw new Refusal(405);
  const standby = values.get("standbyok");
  if (standby !== null && !/^(|1|0|true|false|t|f)$/i.test(standby)) throw new Refusal(400);
  const codes = ["uninitcode", "sealedcode", "standbycode", "activecode"].map((name) => [
    name,
    values.get(name),
  ]);
  for (const [, code] of codes) if (code != null && !/^\d+$/.test(code)) throw new Refusal(400);
  const chosen = Object.fromEntries(codes);
  const status = Number(core.sealed ? (chosen["sealedcode"] ?? 503) : (chosen["activecode"] ?? 200));
  const body = {
    initialized: true,
    sealed: core.sealed,
    standby: core.sealed,
    replication_performance_mode: core.sealed ? "unknown" : "disabled",
    replication_dr_mode: core.sealed ? "unknown" : "disabled",
    server_time_utc: Math.floor(core.now() / 1000),
    version,
    ...(!core.sealed && cluster),
  };
  return {
    status,
    headers: { "Content-Type": "application/json" },
    body: `${JSON.stringify(body)}\n`,
  };
}

/** Makes the response of `sys/seal-status`. */
export function sealStatus({ sealed }: Core): Data {
  return {
    type: "shamir",
    initialized: true,
    sealed,
    t: 1,
    n: 1,
    progress: 0,
    nonce: "",
    recovery_seal: false,
    version,
    commit_date: "",
    migration: false,
    ...(!sealed && cluster),
    storage_type: "inmem",
  };
}
