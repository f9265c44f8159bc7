import type { AppError } from "../../errors.ts";
import { errorsOf, permanent } from "./faults.ts";
import type { BaoRequest, BaoResponse } from "./http.ts";
import { type BaoBackend, policyLine, policyLines } from "./paths.ts";

/** Returns the fault of a response with 400, 403 or 404 that the caller does not expect. */
export function refusal(backend: BaoBackend, request: BaoRequest, response: BaoResponse): AppError {
  switch (response.status) {
    case 403:
      return denied(backend, request);
    case 404:
      return notFound(backend, request, response);
    case 400:
      return badRequest(backend, errorsOf(response.body));
    default:
      return permanent(
        backend.name,
        `unexpected status ${response.status} for ${request.method} ${request.path}`,
      );
  }
}

/** Returns the fault of a valid token whose policy does not permit the request, with the line that it needs. */
function denied(backend: BaoBackend, { method, path, query }: BaoRequest): AppError {
  const writing = path.startsWith("auth/") ? "update" : "create and update";
  const capability = { GET: query ? "list" : "read", POST: writing, DELETE: "delete" }[method];
  const line = policyLines(backend).find((one) => path.startsWith(one.path.replace(/\*$/, "")));
  return permanent(
    backend.name,
    `permission denied: its policy lacks ${capability} on ${line?.path ?? path}`,
    {
      hint: line
        ? `the policy needs: ${policyLine(line)}`
        : `the policy needs: path "${path}" { capabilities = ["update"] }`,
    },
  );
}

function notFound({ name, config }: BaoBackend, { path }: BaoRequest, { body }: BaoResponse): AppError {
  const errors = errorsOf(body);
  if (errors.includes("namespace not found"))
    return permanent(name, `there is no namespace "${config.namespace ?? ""}"`);
  if (errors.includes("no handler for route")) {
    if (!path.startsWith("auth/")) return noEngine({ name, config });
    const method = path.replace(/\/login$/, "");
    return permanent(name, `there is no auth method at "${method}"`, { hint: "bao auth enable" });
  }
  const warnings = body["warnings"];
  if (
    Array.isArray(warnings) &&
    warnings.some((one) => String(one).startsWith("Invalid path for a versioned K/V"))
  )
    return permanent(name, `its engine does not serve ${path}`, {
      hint: "see mount and pathPrefix in its config",
    });
  return permanent(name, "the server at its url is not OpenBao: status 404 without a known error");
}

/** Returns the fault of a mount where no engine is. */
export function noEngine({ name, config: { mount } }: BaoBackend): AppError {
  return permanent(name, `there is no engine at "${mount}"`, {
    hint: `bao secrets enable -path=${mount} kv-v2`,
  });
}

/** Returns the fault of an engine that keeps no versions. */
export function versionOne({ name, config: { mount } }: BaoBackend): AppError {
  return permanent(name, `the engine at "${mount}" is KV version 1`, {
    hint: `bao kv enable-versioning ${mount}`,
  });
}

function badRequest({ name, config: { mount } }: BaoBackend, errors: string): AppError {
  if (errors.includes("high complexity") || errors.includes("exceeded maximum"))
    return permanent(name, "the values are larger than it accepts in one request", {
      hint: "1,000 JSON strings and 32 MiB, unless its listener sets max_request_json_strings or _memory",
    });
  if (errors.includes("metadata check-and-set parameter required"))
    return permanent(name, `the engine at "${mount}" demands metadata_cas`, {
      hint: `bao write ${mount}/config metadata_cas_required=false`,
    });
  if (errors.includes("unknown role")) return permanent(name, "the token role that made its token is gone");
  if (errors.includes("batch tokens cannot be revoked"))
    return permanent(name, "a batch token cannot be revoked");
  if (errors.includes("root or sudo privileges required"))
    return permanent(name, "the token may not make tokens in another namespace than its own");
  return permanent(name, "it refuses the request (status 400)");
}
