import type { AppError } from "../../errors.ts";
import { errorsOf, lasting } from "./faults.ts";
import type { BaoAnswer, BaoRequest } from "./http.ts";
import { type Backend, policyLine, policyLines } from "./paths.ts";

/** Why a request was refused, with a 400, 403 or 404 that means nothing to whoever asked. */
export function refusal(backend: Backend, request: BaoRequest, answer: BaoAnswer): AppError {
  switch (answer.status) {
    case 403:
      return denied(backend, request);
    case 404:
      return notThere(backend, request, answer);
    case 400:
      return badRequest(backend, errorsOf(answer.body));
    default:
      return lasting(
        backend.name,
        `its answer (${answer.status}) is not one to ${request.method} ${request.path}`,
      );
  }
}

/** The token is good, and its policy does not reach this far. */
function denied(backend: Backend, { method, path, query }: BaoRequest): AppError {
  const writing = path.startsWith("auth/") ? "update" : "create and update";
  const capability = { GET: query ? "list" : "read", POST: writing, DELETE: "delete" }[method];
  const line = policyLines(backend).find((one) => path.startsWith(one.path.replace(/\*$/, "")));
  return lasting(backend.name, `permission denied: its policy lacks ${capability} on ${line?.path ?? path}`, {
    hint: line
      ? `the policy needs: ${policyLine(line)}`
      : `the policy needs: path "${path}" { capabilities = ["update"] }`,
  });
}

function notThere({ name, config }: Backend, { path }: BaoRequest, { body }: BaoAnswer): AppError {
  const errors = errorsOf(body);
  if (errors.includes("namespace not found"))
    return lasting(name, `there is no namespace "${config.namespace ?? ""}"`);
  if (errors.includes("no handler for route")) {
    if (!path.startsWith("auth/")) return noEngine({ name, config });
    const method = path.replace(/\/login$/, "");
    return lasting(name, `there is no auth method at "${method}"`, { hint: "bao auth enable" });
  }
  const warnings = body["warnings"];
  if (
    Array.isArray(warnings) &&
    warnings.some((one) => String(one).startsWith("Invalid path for a versioned K/V"))
  )
    return lasting(name, `its engine does not serve ${path}`, {
      hint: "see mount and pathPrefix in its config",
    });
  return lasting(name, "what answers there is not an OpenBao: status 404 with nothing known in it");
}

/** Nothing is mounted where the config says. */
export function noEngine({ name, config: { mount } }: Backend): AppError {
  return lasting(name, `there is no engine at "${mount}"`, {
    hint: `bao secrets enable -path=${mount} kv-v2`,
  });
}

/** The engine is there and keeps no versions. */
export function versionOne({ name, config: { mount } }: Backend): AppError {
  return lasting(name, `the engine at "${mount}" is KV version 1`, {
    hint: `bao kv enable-versioning ${mount}`,
  });
}

function badRequest({ name, config: { mount } }: Backend, errors: string): AppError {
  if (errors.includes("high complexity") || errors.includes("exceeded maximum"))
    return lasting(name, "the values are more than it takes in one request", {
      hint: "1,000 JSON strings and 32 MiB, unless its listener sets max_request_json_strings or _memory",
    });
  if (errors.includes("metadata check-and-set parameter required"))
    return lasting(name, `the engine at "${mount}" demands metadata_cas`, {
      hint: `bao write ${mount}/config metadata_cas_required=false`,
    });
  if (errors.includes("unknown role")) return lasting(name, "the token role that made its token is gone");
  if (errors.includes("batch tokens cannot be revoked"))
    return lasting(name, "a batch token cannot be revoked");
  if (errors.includes("root or sudo privileges required"))
    return lasting(name, "the token may not make tokens in another namespace than its own");
  return lasting(name, "it refuses the request (status 400)");
}
