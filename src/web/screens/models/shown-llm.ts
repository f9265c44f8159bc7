import type { ApiObject } from "../../api/lists.ts";

/** An llm, as far as the page reads it. */
export interface ShownLlm extends ApiObject {
  type: string;
  model?: string;
  url?: string;
  status: string;
  origin: string;
  poolName?: string;
  description?: string;
  owner?: string | null;
  lastSeenAt?: string | null;
  health: {
    status: "ok" | "failing";
    since: string;
    checkedAt: string;
    latencyMs: number | null;
    lastError: { at: string; message: string } | null;
  } | null;
}
