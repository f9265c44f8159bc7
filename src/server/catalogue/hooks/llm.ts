import { adapterFor } from "../../../adapters/index.ts";
import { normaliseProviderUrl } from "../../../adapters/provider-url.ts";
import { AppError } from "../../../errors.ts";
import { decide } from "../../access/policy.ts";
import type { Draft, Hooks } from "../hooks.ts";

interface KeyRef {
  name: string;
  key: string;
}

export const llmHooks: Hooks = {
  prepare(draft) {
    const { spec, visibility } = draft.row;
    const adapter = adapterFor(spec["type"] as string);
    if (!adapter) {
      draft.faults.push({
        path: "/type",
        message: `llms of type ${spec["type"]} cannot be called by this version`,
      });
      return;
    }
    if (spec["url"]) {
      try {
        spec["url"] = normaliseProviderUrl(spec["url"] as string);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        draft.faults.push(...(error.details ?? []));
        return;
      }
    } else if (adapter.defaultUrls[spec["type"] as string] === undefined) {
      draft.faults.push({ path: "/url", message: `is required for type ${spec["type"]}` });
      return;
    }
    checkExtraConfig(draft);
    checkKey(draft, adapter.defaultUrls);
    if (!draft.before) draft.row.status = { origin: "static", status: "active", lastSeenAt: null };
    draft.row.visibility = visibility;
  },
  status: ({ status }) => ({
    origin: status["origin"],
    status: status["status"],
    lastSeenAt: status["lastSeenAt"] ?? null,
  }),
};

/**
 * Pointing at a secret needs `expose` on it; so does sending the key that is there already to another place,
 * else the key is cleared (T12).
 */
function checkKey(draft: Draft, defaultUrls: Readonly<Record<string, string>>): void {
  const { before, row, snapshot, principal } = draft;
  const ref = row.spec["apiKeyRef"] as KeyRef | null;
  if (!ref) return;
  const secret = snapshot.named("secret", ref.name);
  const exposing = decide(principal, "expose", "secrets", ref.name, secret);
  const kept = before && Bun.deepEquals(before.spec["apiKeyRef"], ref);
  if (!kept) {
    // Who may not expose the secret is told the same whether it exists or not.
    if (exposing === "forbidden") {
      throw new AppError("forbidden", `pointing apiKeyRef at secret "${ref.name}" needs expose on it`);
    }
    if (secret && !(secret.status["keys"] as string[]).includes(ref.key)) {
      draft.faults.push({ path: "/apiKeyRef/key", message: `secret "${ref.name}" has no key "${ref.key}"` });
    }
    return;
  }
  const origin = (url: unknown) => new URL((url || defaultUrls[row.spec["type"] as string]) as string).origin;
  if (origin(before.spec["url"]) !== origin(row.spec["url"]) && exposing !== "allow")
    row.spec["apiKeyRef"] = null;
}

const timeouts = ["connect", "firstByte", "silence"];

/** Checks what this server acts on; the rest of extraConfig is the user's own. */
function checkExtraConfig(draft: Draft): void {
  const extra = draft.row.spec["extraConfig"] as Record<string, unknown>;
  if (extra["allowModelOverride"] !== undefined && typeof extra["allowModelOverride"] !== "boolean") {
    draft.faults.push({ path: "/extraConfig/allowModelOverride", message: "must be a boolean" });
  }
  if (extra["timeouts"] === undefined) return;
  const given = extra["timeouts"];
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    draft.faults.push({ path: "/extraConfig/timeouts", message: "must be an object" });
    return;
  }
  for (const [name, seconds] of Object.entries(given)) {
    if (!timeouts.includes(name)) {
      const message = `unknown field; known are ${timeouts.join(", ")}`;
      draft.faults.push({ path: `/extraConfig/timeouts/${name}`, message });
    } else if (typeof seconds !== "number" || !(seconds > 0 && seconds <= 86_400)) {
      draft.faults.push({ path: `/extraConfig/timeouts/${name}`, message: "must be seconds, more than 0" });
    }
  }
}
