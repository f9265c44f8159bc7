import { adapterFor } from "../../../../adapters/index.ts";
import { AppError } from "../../../../errors.ts";
import { normaliseProviderUrl } from "../../../../net/provider-url.ts";
import { decide } from "../../access/policy.ts";
import { shownCapabilities } from "../../capabilities.ts";
import type { LlmHealth } from "../../store/snapshot.ts";
import type { LlmRow } from "../../store/typed-rows.ts";
import { keepOwnCapabilities } from "../capabilities.ts";
import type { Draft, Hooks } from "../hooks.ts";
import { checkSettings } from "../llm-settings.ts";
import { missingKey } from "../missing-key.ts";
import { admissionWrites, checkNames, keepAdmissions, namesStand, stillAdmitted } from "../pool-names.ts";
import { checkPricing } from "../pricing.ts";

export const llmHooks: Hooks<LlmRow> = {
  prepare(draft, services) {
    const { spec, status, visibility } = draft.row;
    const { name, owner } = draft.row;
    const newcomer = { ...draft, name, owner, poolName: spec.poolName, aliases: spec.aliases ?? [] };
    checkNames(newcomer);
    draft.writeFirst.push(...namesStand(newcomer));
    const admitting = new Map<string, LlmRow>();
    keepAdmissions(newcomer, admitting);
    draft.writeAfter.push(...admissionWrites(draft.snapshot, admitting));
    if (draft.before) draft.row.status = stillAdmitted(draft.row);
    if (status.origin === "virtual") {
      checkVirtual(draft);
      return;
    }
    const adapter = adapterFor(spec.type);
    if (!adapter) {
      draft.faults.push({
        path: "/type",
        message: `llms of type ${spec.type} cannot be called by this version`,
      });
      return;
    }
    if (spec.url && adapter.isCommand) {
      draft.faults.push({ path: "/url", message: `is not for type ${spec.type}, which is a command` });
      return;
    }
    if (spec.url) {
      try {
        spec.url = normaliseProviderUrl(spec.url);
        if (services.isSelf(new URL(spec.url)))
          throw new AppError("invalid_request", "the url leads to this server", {
            details: [{ path: "/url", message: "leads to this server itself" }],
          });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        draft.faults.push(...(error.details ?? []));
        return;
      }
    } else if (!adapter.isCommand && adapter.defaultUrls[spec.type] === undefined) {
      draft.faults.push({ path: "/url", message: `is required for type ${spec.type}` });
      return;
    }
    checkSettings(draft);
    keepOwnCapabilities(draft);
    checkKey(draft, adapter.defaultUrls);
    checkPricing(draft);
    if (!draft.before) draft.row.status = { origin: "static", status: "active" };
    draft.row.visibility = visibility;
  },
  status(row, { snapshot }) {
    const { id, status } = row;
    const seen = snapshot.volatile.seen.get(String(status.session));
    return {
      origin: status.origin,
      status: status.status,
      workstation: status.workstation,
      lastSeenAt: seen === undefined ? null : new Date(seen).toISOString(),
      capabilities: shownCapabilities(snapshot, row),
      health: shownHealth(snapshot.volatile.llmHealth.get(id)),
      learnedQuirks: { ...snapshot.volatile.learned.get(id)?.quirks },
    };
  },
};

function shownHealth(health: LlmHealth | undefined): object | null {
  if (!health) return null;
  const { isFailing, since, checkedAt, latencyMs = null, lastError } = health;
  return {
    status: isFailing ? "failing" : "ok",
    since: new Date(since).toISOString(),
    checkedAt: new Date(checkedAt).toISOString(),
    latencyMs,
    lastError: lastError ? { ...lastError, at: new Date(lastError.at).toISOString() } : null,
  };
}

/** Checks a change of a virtual llm. Its workstation agent sets the url, the key and the model; users set the rest. */
function checkVirtual(draft: Draft<LlmRow>): void {
  for (const field of ["url", "apiKeyRef", "model"])
    if (field in draft.given)
      draft.faults.push({ path: `/${field}`, message: "is set by the workstation agent that publishes it" });
  checkSettings(draft);
  keepOwnCapabilities(draft);
  checkPricing(draft);
}

/**
 * Checks the reference to the key. Setting it needs `expose` on the secret. Sending the same key to another url needs that
 * too, because another path can belong to another customer of the same host; without it, the reference is cleared (T12).
 */
function checkKey(draft: Draft<LlmRow>, defaultUrls: Readonly<Record<string, string>>): void {
  const { before, row, snapshot, principal } = draft;
  const ref = row.spec.apiKeyRef;
  if (!ref) return;
  const secret = snapshot.named("secret", ref.name);
  const exposing = decide(principal, "expose", "secrets", ref.name, secret);
  const kept = before && Bun.deepEquals(before.spec.apiKeyRef, ref);
  if (!kept) {
    // Callers that may not expose the secret get the same error whether it exists or not.
    if (exposing === "forbidden") {
      throw new AppError("forbidden", `pointing apiKeyRef at secret "${ref.name}" needs expose on it`);
    }
    const message = secret && missingKey(secret, ref.key);
    if (message !== undefined) draft.faults.push({ path: "/apiKeyRef/key", message });
    return;
  }
  const ownUrl = defaultUrls[row.spec.type];
  if (!row.spec.url && !ownUrl) return;
  const place = (url: string) => url || ownUrl!;
  if (place(before.spec.url) !== place(row.spec.url) && exposing !== "allow") row.spec.apiKeyRef = null;
}
