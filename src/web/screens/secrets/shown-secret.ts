import type { ApiObject } from "../../api/lists.ts";

/** A secret, as far as it can be seen. */
export interface ShownSecret extends ApiObject {
  keys: string[];
  backend?: string;
}

/** A place that stores secrets. */
export interface ShownBackend extends ApiObject {
  type: string;
  isDefault: boolean;
  secretCount: number;
  health: { status: string; reason: string | null; checkedAt: string } | null;
  rotation: { rotatedAt: string | null; failedAt: string | null; reason: string | null } | null;
}
