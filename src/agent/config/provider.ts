import { adapterFor } from "../../adapters/index.ts";
import { AppError, type Fault } from "../../errors.ts";
import { nearest } from "../../kinds/names.ts";
import { validate } from "../../kinds/validate.ts";
import { isForbiddenHost, normaliseProviderUrl } from "../../net/provider-url.ts";
import { headerFault } from "../../wire/header-value.ts";
import { isObject } from "../../wire/json.ts";
import type { ManagedConfig, ProviderConfig, WakeRecipe } from "../core/config.ts";
import { extraArgsFaults } from "../runtimes/vllm/command.ts";
import { nameFaults } from "./names.ts";
import { meantFor, providerSchema, providerTypes, ranges, wakeSchema } from "./schema.ts";
import { withTextFaults } from "./text-faults.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Default URLs of servers on a workstation. */
const localUrls: Readonly<Record<string, string>> = {
  ollama: "http://127.0.0.1:11434",
  vllm: "http://127.0.0.1:8000",
};

/** Returns every fault in an entry of `llm.providers`, with JSON pointers into it. */
export function checkProvider(entry: unknown): Fault[] {
  const fields = isObject(entry) ? entry : undefined;
  const schema = providerSchema(fields?.["type"]);
  const faults = withTextFaults(entry, validate(schema, entry).map(explained));
  if (!fields) return faults;
  const known = new Set(faults.map(({ path }) => path));
  const more = [
    ...typeFault(fields["type"]),
    ...nameFaults(schema, fields),
    ...rangeFaults(fields),
    ...urlFault(fields),
    ...wakeFaults(fields["wake"]).map((fault) => ({ ...fault, path: `/wake${fault.path}` })),
  ];
  if (fields["type"] === "vllm-managed") more.push(...managedFaults(fields));
  return [...faults, ...more.filter(({ path }) => !known.has(path))];
}

function managedFaults({ model, extraArgs, venvPath, command }: Fields): Fault[] {
  const faults: Fault[] = [];
  if (venvPath !== undefined && command !== undefined)
    faults.push({ path: "/command", message: "cannot be given together with venvPath" });
  if (typeof model === "string" && model.startsWith("-"))
    faults.push({ path: "/model", message: 'must not begin with "-": vLLM would take it for an option' });
  const isList = Array.isArray(extraArgs) && extraArgs.every((arg) => typeof arg === "string");
  return [...faults, ...(isList ? extraArgsFaults(extraArgs, "/extraArgs") : [])];
}

/**
 * Returns the config of an entry that has no fault, with defaults filled in.
 *
 * @param pathOf makes a path of the file absolute
 */
export function providerOf(fields: Fields, pathOf: (path: string) => string): ProviderConfig {
  const { port, extraArgs, idleTimeoutMinutes, venvPath, command, warmupSeconds, warmup, ...rest } =
    fields as unknown as ProviderConfig & Partial<ManagedConfig>;
  const config: ProviderConfig = { ...rest, publish: rest.publish ?? false };
  if (config.type === "vllm-managed") {
    config.managed = {
      extraArgs: extraArgs ?? [],
      warmupSeconds: warmupSeconds ?? 600,
      warmup: warmup ?? false,
      ...(port !== undefined && { port }),
      ...(idleTimeoutMinutes !== undefined && { idleTimeoutMinutes }),
      ...(venvPath !== undefined && { venvPath: pathOf(venvPath) }),
      ...(command !== undefined && { command: commandOf(command, pathOf) }),
    };
    return config;
  }
  config.url = normaliseProviderUrl(config.url ?? defaultUrl(config.type)!);
  if (config.apiKeyFile !== undefined) config.apiKeyFile = pathOf(config.apiKeyFile);
  if (config.wake) config.wake = recipeOf(config.wake, pathOf);
  return config;
}

function recipeOf(wake: Partial<WakeRecipe>, pathOf: (path: string) => string): WakeRecipe {
  const maxWaitSeconds = wake.maxWaitSeconds ?? 60;
  if (wake.type === "http") {
    const { headers = {}, method = "POST", ...rest } = wake;
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    return { ...rest, method, headers: Object.fromEntries(lower), maxWaitSeconds } as WakeRecipe;
  }
  const { command = "", args = [] } = wake as { command?: string; args?: string[] };
  return { type: "command", command: commandOf(command, pathOf), args, maxWaitSeconds };
}

/** A bare word is left as it is: it is looked up on PATH when it is run. */
function commandOf(command: string, pathOf: (path: string) => string): string {
  return command.includes("/") ? pathOf(command) : command;
}

function defaultUrl(type: string): string | undefined {
  return localUrls[type] ?? adapterFor(type)?.defaultUrls[type];
}

function explained(fault: Fault): Fault {
  const reason = fault.message === "unknown field" ? meantFor(fault.path.slice(1)) : undefined;
  return reason ? { ...fault, message: `not for this type: ${reason}` } : fault;
}

function typeFault(type: unknown): Fault[] {
  if (typeof type !== "string" || providerTypes.includes(type)) return [];
  const near = nearest(type, providerTypes);
  const meant = near ? `; did you mean "${near}"?` : "";
  return [{ path: "/type", message: `must be one of ${providerTypes.join(", ")}${meant}` }];
}

function rangeFaults(fields: Fields): Fault[] {
  return Object.entries(ranges).flatMap(([field, { least, most, whole }]) => {
    const value = fields[field];
    if (typeof value !== "number") return [];
    if (value >= least && value <= most && (!whole || Number.isInteger(value))) return [];
    return [
      { path: `/${field}`, message: `must be a ${whole ? "whole " : ""}number from ${least} to ${most}` },
    ];
  });
}

function urlFault({ type, url }: Fields): Fault[] {
  if (type === "vllm-managed" || typeof url !== "string") return [];
  try {
    normaliseProviderUrl(url);
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.details ?? [];
  }
}

const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const framing =
  /^(?:host|connection|content-length|transfer-encoding|keep-alive|expect|upgrade|te|trailer)$/i;

function wakeFaults(wake: unknown): Fault[] {
  if (wake === undefined) return [];
  if (!isObject(wake)) return [{ path: "", message: "must be an object" }];
  const schema = wakeSchema(wake["type"]);
  if (!schema) return [{ path: "/type", message: 'must be "http" or "command"' }];
  const faults = [...validate(schema, wake), ...rangeFaults(wake)];
  if (faults.length > 0 || wake["type"] === "command") return faults;
  const { url, headers = {} } = wake as { url: string; headers?: Record<string, string> };
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    faults.push({ path: "/url", message: "must be an http or https URL" });
  else if (parsed.username || parsed.password)
    faults.push({ path: "/url", message: "must not contain credentials" });
  else if (isForbiddenHost(parsed.hostname))
    faults.push({ path: "/url", message: "points at a link-local or metadata address" });
  for (const [name, value] of Object.entries(headers)) {
    const path = `/headers/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (!headerName.test(name) || framing.test(name))
      faults.push({ path, message: "is not a header that can be set" });
    else {
      const fault = headerFault(value);
      if (fault !== undefined) faults.push({ path, message: fault });
    }
  }
  return faults;
}
