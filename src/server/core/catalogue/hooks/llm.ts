import { adapterFor } from "../../../../adapters/index.ts";
import { AppError } from "../../../../errors.ts";
import { normaliseProviderUrl } from "../../../../net/provider-url.ts";
import { decide } from "../../access/policy.ts";
import type { Draft, Hooks } from "../hooks.ts";

interface KeyRef {
  name: string;
  key: string;
}

export const llmHooks: Hooks = {
  prepare(draft) {
    const { spec, visibility } = draft.row;
    if (draft.row.status["origin"] === "virtual") {
      checkVirtual(draft);
      return;
    }
    const adapter = adapterFor(spec["type"] as string);
    if (!adapter) {
      draft.faults.push({
        path: "/type",
        message: `llms of type ${spec["type"]} cannot be called by this version`,
      });
      return;
    }
    if (spec["url"] && adapter.isCommand) {
      draft.faults.push({ path: "/url", message: `is not for type ${spec["type"]}, which is a command` });
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
    } else if (!adapter.isCommand && adapter.defaultUrls[spec["type"] as string] === undefined) {
      draft.faults.push({ path: "/url", message: `is required for type ${spec["type"]}` });
      return;
    }
    checkExtraConfig(draft);
    checkKey(draft, adapter.defaultUrls);
    if (!draft.before) draft.row.status = { origin: "static", status: "active", lastSeenAt: null };
    draft.row.visibility = visibility;
  },
  status({ status }, { snapshot }) {
    const seen = snapshot.moving.seen.get(String(status["session"]));
    return {
      origin: status["origin"],
      status: status["status"],
      lastSeenAt: seen === undefined ? null : new Date(seen).toISOString(),
      capabilities: status["capabilities"] ?? null,
    };
  },
};

/** Where its provider is, and what it is called there, only its agent knows. The rest is its users' as well. */
function checkVirtual(draft: Draft): void {
  for (const field of ["url", "apiKeyRef", "model"])
    if (field in draft.given) draft.faults.push({ path: `/${field}`, message: "is set by its agent" });
  checkExtraConfig(draft);
}

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
  const ownUrl = defaultUrls[row.spec["type"] as string];
  if (!row.spec["url"] && !ownUrl) return;
  const origin = (url: unknown) => new URL((url || ownUrl) as string).origin;
  if (origin(before.spec["url"]) !== origin(row.spec["url"]) && exposing !== "allow")
    row.spec["apiKeyRef"] = null;
}

interface Field {
  isRight(value: unknown): boolean;
  message: string;
}

const isNumber = (value: unknown, least: number, most: number) =>
  typeof value === "number" && value >= least && value <= most;

const seconds: Field = {
  isRight: (value) => isNumber(value, Number.MIN_VALUE, 86_400),
  message: "must be seconds, more than 0",
};

const dollars: Field = {
  isRight: (value) => isNumber(value, 0, 1_000_000),
  message: "must be US dollars for a million tokens",
};

/** What this server acts on in an llm's extraConfig, by object and field. */
const acted: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  timeouts: { connect: seconds, firstByte: seconds, silence: seconds },
  price: { input: dollars, output: dollars, cachedInput: dollars },
  limits: {
    maxConcurrent: {
      isRight: (value) => Number.isInteger(value) && isNumber(value, 1, 10_000),
      message: "must be a whole number from 1 to 10000",
    },
    queueSeconds: {
      isRight: (value) => isNumber(value, 0, 3600),
      message: "must be seconds, from 0 to 3600",
    },
  },
};

/** Checks what this server acts on; the rest of extraConfig is the user's own. */
function checkExtraConfig({ row, faults }: Draft): void {
  const extra = row.spec["extraConfig"] as Record<string, unknown>;
  if (extra["allowModelOverride"] !== undefined && typeof extra["allowModelOverride"] !== "boolean") {
    faults.push({ path: "/extraConfig/allowModelOverride", message: "must be a boolean" });
  }
  if (![undefined, "native", "translated"].includes(extra["responses"] as string | undefined))
    faults.push({ path: "/extraConfig/responses", message: 'must be "native" or "translated"' });
  for (const [object, fields] of Object.entries(acted)) {
    const given = extra[object];
    const path = `/extraConfig/${object}`;
    if (given === undefined) continue;
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      faults.push({ path, message: "must be an object" });
      continue;
    }
    for (const [name, value] of Object.entries(given)) {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      const known = Object.keys(fields).join(", ");
      if (!field) faults.push({ path: `${path}/${name}`, message: `unknown field; known are ${known}` });
      else if (!field.isRight(value)) faults.push({ path: `${path}/${name}`, message: field.message });
    }
    // On its own it would do nothing.
    if ("queueSeconds" in given && !("maxConcurrent" in given))
      faults.push({ path: `${path}/maxConcurrent`, message: "is required with queueSeconds" });
    for (const name of object === "price" ? ["input", "output"] : [])
      if (!Object.hasOwn(given, name)) faults.push({ path: `${path}/${name}`, message: "is required" });
  }
}
