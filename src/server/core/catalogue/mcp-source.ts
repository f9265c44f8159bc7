import { AppError } from "../../../errors.ts";
import type { NamedValue } from "../../../kinds/mcp-settings.ts";
import { mentionsSecret } from "../../../kinds/secret-mention.ts";
import { normaliseMcpUrl } from "../../../net/provider-url.ts";
import { parsePackage } from "../../../processes/launchers/package-source.ts";
import { headerFault } from "../../../wire/header-value.ts";
import type { McpServerRow } from "../store/typed-rows.ts";
import type { Draft, Services } from "./hooks.ts";
import { userKeysOf } from "./user-keys.ts";

type Spec = McpServerRow["spec"];

/** The fields that say what an MCP server is. Each server has exactly one of them. */
export const sources = ["command", "package", "image", "url"] as const;
type Source = (typeof sources)[number];

/** The fields that each source cannot have. */
const notFor: Readonly<Record<Source, readonly (keyof Spec)[]>> = {
  command: ["port", "path", "oauth"],
  package: ["port", "path", "oauth"],
  image: ["oauth"],
  url: ["args", "port", "path", "env", "hostPaths", "resources"],
};

/** Headers that the protocol sets itself, and those that describe one connection. */
const ownHeaders = new Set([
  "accept",
  "connection",
  "content-length",
  "content-type",
  "host",
  "keep-alive",
  "last-event-id",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Returns the transport of a server; undefined for a url whose transport is found by trying. */
export function transportOf(spec: Spec): Spec["transport"] {
  if (spec.transport !== undefined) return spec.transport;
  if (spec.url !== undefined) return undefined;
  return spec.port === undefined ? "stdio" : "http";
}

/** Returns what a server runs or calls, as one text. Arguments are left out, because they can hold anything. */
export function sourceOf({ command, package: packageName, image, url }: Spec): string {
  return command?.join(" ") ?? packageName ?? image ?? url ?? "";
}

/** Checks that a server has exactly one source in the right form, and no field that is for another one. */
export function checkSource(
  { row: { spec }, faults, sent }: Draft<McpServerRow>,
  { isSelf }: Services,
): void {
  const fault = (field: string, message: string) => faults.push({ path: `/${field}`, message });
  const given = sources.filter((source) => spec[source] !== undefined);
  const [source] = given;
  if (source === undefined || given.length > 1) {
    const named = given.filter(sent);
    const field = (named.length > 0 ? named : given).at(-1) ?? "command";
    const one = "exactly one of command, package, image and url must be set";
    fault(field, given.length > 1 ? `${one}; these are: ${given.join(", ")}` : one);
    return;
  }
  for (const field of notFor[source]) if (spec[field] !== undefined) fault(field, `is not for a ${source}`);
  checkTransport(spec, source, fault);
  checkSandbox(spec, source, fault);
  if (source === "command") checkCommand(spec.command!, fault);
  if (source === "package" && !isPinned(spec.package!))
    fault("package", "must be npm:@scope/name@1.2.3 or pypi:name==1.2.3, with one exact version");
  if (source === "image" && !imageForm.test(spec.image!))
    fault("image", "must be the name of an image such as docker.io/mcp/fetch:1.2 or one with @sha256:…");
  if (source === "url") {
    checkUrl(spec, isSelf, faults);
    checkLogin(spec, fault);
  }
  for (const field of ["args", "command"] as const)
    for (const [i, word] of (spec[field] ?? []).entries())
      if (mentionsSecret(word))
        fault(
          `${field}/${i}`,
          "cannot hold a secret or a key, because every process sees arguments; use env",
        );
  checkValues("env", spec.env ?? [], faults);
  checkValues("headers", spec.headers ?? [], faults);
  checkUserKeys(spec, fault);
  for (const [i, { name }] of (spec.headers ?? []).entries())
    if (ownHeaders.has(name.toLowerCase()) || /^mcp-/i.test(name))
      fault(`headers/${i}/name`, "is set by mcpctl itself");
}

type Fault = (field: string, message: string) => void;

/** True for a package with one exact version: without one, tomorrow's start could run other code (T136). */
function isPinned(text: string): boolean {
  try {
    const { registry, version = "" } = parsePackage(text);
    return registry === "npm" ? /^\d+\.\d+\.\d+/.test(version) : version !== "";
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

const imageForm =
  /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;

function checkTransport(spec: Spec, source: Source, fault: Fault): void {
  const overHttp = source === "url" || spec.port !== undefined;
  if (source === "image" && spec.path !== undefined && spec.port === undefined)
    fault("path", "is only for an image with port");
  if (!overHttp && spec.headers !== undefined) fault("headers", "are only for a url, or an image with port");
  if (spec.transport === undefined || (spec.transport === "stdio") === !overHttp) return;
  const why = source === "image" ? `an image ${overHttp ? "with" : "without"} port` : `a ${source}`;
  fault("transport", overHttp ? `must be http or sse for ${why}` : `must be stdio for ${why}`);
}

function checkSandbox({ sandbox }: Spec, source: Source, fault: Fault): void {
  if (sandbox === "auto") return;
  if (source === "url") fault("sandbox", "is not for a url, which runs elsewhere");
  if (source === "image" && sandbox !== "container")
    fault("sandbox", "must be container or auto for an image");
  if (source !== "image" && sandbox === "container")
    fault("sandbox", `needs an image: a ${source} runs on the host`);
}

/** The program is found in PATH, or at an absolute path: a relative one would depend on the folder of the server. */
function checkCommand([program = ""]: readonly string[], fault: Fault): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/.test(program)) return;
  if (program.startsWith("/") && !program.endsWith("/") && !/[\r\n]/.test(program)) return;
  const hint = / /.test(program) ? '; write arguments as further elements: ["npx", "-y"]' : "";
  fault("command/0", `must be the name of a program or an absolute path${hint}`);
}

function checkUrl(spec: Spec, isSelf: Services["isSelf"], faults: Draft["faults"]): void {
  try {
    spec.url = normaliseMcpUrl(spec.url!);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    faults.push(...(error.details ?? []));
    return;
  }
  if (isSelf(new URL(spec.url))) faults.push({ path: "/url", message: "leads to this server itself" });
}

function checkLogin({ oauth, headers = [] }: Spec, fault: Fault): void {
  if (!oauth) return;
  const { grant, clientId, clientSecretRef } = oauth;
  if (clientId === undefined && clientSecretRef) fault("oauth/clientId", "is required with clientSecretRef");
  if (grant === "client_credentials" && (clientId === undefined || !clientSecretRef))
    fault("oauth/grant", "client_credentials needs clientId and clientSecretRef");
  if (headers.some(({ name }) => name.toLowerCase() === "authorization"))
    fault("oauth", "cannot be set with a header Authorization, which takes the place of its tokens");
}

/** Checks that callers share no instance that has the key of one of them (T313). */
function checkUserKeys(spec: Spec, fault: Fault): void {
  const [key] = userKeysOf(spec).keys();
  if (key === undefined) return;
  if (spec.sharing === "shared")
    fault("sharing", `must be principal or session, because each user gives a key of their own: ${key}`);
  if (spec.oauth) fault("oauth", `cannot be set where each user gives a key of their own: ${key}`);
}

/** Checks variables or headers: each name once, each with a value or a secret, and values that can be sent. */
function checkValues(field: "env" | "headers", values: readonly NamedValue[], faults: Draft["faults"]): void {
  const isHeader = field === "headers";
  const names = new Set<string>();
  for (const [i, { name, value, valueFrom }] of values.entries()) {
    const path = `/${field}/${i}`;
    const key = isHeader ? name.toLowerCase() : name;
    if (names.has(key)) faults.push({ path: `${path}/name`, message: `"${name}" is given twice` });
    names.add(key);
    if ((value === undefined) === (valueFrom === undefined))
      faults.push({ path, message: "must have either value or valueFrom" });
    if (valueFrom && (valueFrom.secretRef === undefined) === (valueFrom.userKey === undefined))
      faults.push({ path: `${path}/valueFrom`, message: "must have either secretRef or userKey" });
    const unsendable = isHeader && value !== undefined ? headerFault(value) : undefined;
    if (unsendable !== undefined) faults.push({ path: `${path}/value`, message: unsendable });
    if (value !== undefined && mentionsSecret(value))
      faults.push({
        path: `${path}/value`,
        message: `"${name}" would be sent as it is written; a secret is valueFrom: {secretRef: {name, key}}, a key of each user valueFrom: {userKey}, and each is the whole value`,
      });
  }
}
