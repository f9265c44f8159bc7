import { AppError, type Fault } from "../../errors.ts";
import type { Kind } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { isName, nameRule } from "../../kinds/names.ts";
import { httpTypes } from "../../kinds/provider-types.ts";
import { forbiddenKeys, validateFields } from "../../kinds/validate.ts";
import { isObject } from "../../wire/json.ts";
import { negotiate } from "../../wire/link/revisions/index.ts";
import type { LinkRevision } from "../../wire/link/revisions/revision.ts";
import { faultsInParams } from "../core/catalogue/hooks/agent.ts";
import { factsIn, type PublishedFacts } from "./published-listing.ts";

/** The types of llms that agents may publish: all but those that run a command on the server. */
export const publishedTypes: readonly string[] = httpTypes;

/** The largest number of llms, of personas, and of MCP servers, of one agent. */
const maxPublished = 200;
const maxIdLength = 200;
/** The largest number of characters of `capabilities` as JSON. */
const maxCapabilitiesLength = 4096;

/** An llm, a persona or an MCP server that an agent publishes. */
export interface PublishedResource {
  kind: Kind;
  /** The path in the body of the call, for example `/providers/0`. */
  path: string;
  name: string;
  /**
   * The fields of the kind that were sent, without visibility. They are valid together with the defaults of the kind.
   */
  given: Record<string, unknown>;
  /** Used when the row is created. */
  visibility: "public" | "private";
}

export interface PublishedLlm extends PublishedResource {
  /** The status that the agent reports; undefined if it reports none. */
  initialStatus: "active" | "hibernating" | undefined;
  capabilities: Record<string, unknown> | undefined;
}

export interface PublishedServer extends PublishedResource, PublishedFacts {}

/** The facts about a workstation that people see. They are kept with each row that its agent publishes. */
export interface WorkstationNames {
  workstation?: string;
  agentVersion?: string;
}

/** The checked body of a register call. */
export interface Registration {
  /** The session that the agent names. It may belong to somebody else. */
  sessionId: string | undefined;
  /** The number of the revision of the link protocol. */
  protocol: number;
  /** The status of llms that come without one. */
  defaultStatus: LinkRevision["defaultStatus"];
  bootId: string | null;
  machineId: string | null;
  /** The names of the workstation and of the agent's version; undefined where the agent gave none. */
  about: WorkstationNames;
  llms: PublishedLlm[];
  personas: PublishedResource[];
  servers: PublishedServer[];
}

/**
 * Checks the body of a register call. Ignores unknown fields, because the agent may be newer than this server. A field
 * that is null counts as missing.
 *
 * @throws AppError `invalid_request` with every fault
 */
export function parseRegistration(
  body: Record<string, unknown>,
  revisions: readonly LinkRevision[],
): Registration {
  const faults: Fault[] = [];
  const revision = revisionOf(body, revisions, faults);
  const registration: Registration = {
    sessionId: shortText(body, "providerSessionId", faults),
    protocol: revision?.protocol ?? 0,
    defaultStatus: revision?.defaultStatus ?? "active",
    bootId: shortText(body, "bootId", faults) ?? null,
    machineId: shortText(body, "machineId", faults) ?? null,
    about: aboutIn(body, faults),
    llms: listOf(body, "providers", faults).map(([path, sent]) => llmOf(path, sent, faults)),
    personas: given(body["agents"])
      ? listOf(body, "agents", faults).map(([path, sent]) => personaOf(path, sent, faults))
      : [],
    servers: given(body["mcpServers"])
      ? listOf(body, "mcpServers", faults).map(([path, sent]) => serverOf(path, sent, faults))
      : [],
  };
  const { llms, personas, servers } = registration;
  for (const publications of [llms, personas, servers]) noneTwice(publications, faults);
  const [first] = faults;
  if (!first) return registration;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  const where = first.path.slice(1).replaceAll("/", ".");
  throw new AppError("invalid_request", `invalid registration: ${where}: ${first.message}${more}`, {
    details: faults,
  });
}

function revisionOf(
  { protocol }: Record<string, unknown>,
  revisions: readonly LinkRevision[],
  faults: Fault[],
): LinkRevision | undefined {
  if (given(protocol) && typeof protocol !== "number") {
    faults.push({ path: "/protocol", message: "must be a number" });
    return undefined;
  }
  const revision = negotiate((protocol as number | null | undefined) ?? undefined, revisions);
  if (!revision) {
    const known = revisions.map((one) => one.protocol).join(", ");
    faults.push({
      path: "/protocol",
      message: `this server does not know revision ${protocol} of the link protocol (it knows ${known}): update the server, or use an older agent`,
    });
  }
  return revision;
}

function llmOf(path: string, sent: Record<string, unknown>, faults: Fault[]): PublishedLlm {
  const { type, initialStatus, capabilities } = sent;
  if (given(type) && !publishedTypes.some((one) => one === type))
    faults.push({ path: `${path}/type`, message: `must be one of ${publishedTypes.join(", ")}` });
  const fields = pick(sent, ["type", "model", "tier", "description", "poolName"]);
  const publication = publicationOf(kindOf("llm"), path, sent, fields, faults);
  if (given(initialStatus) && initialStatus !== "active" && initialStatus !== "hibernating")
    faults.push({ path: `${path}/initialStatus`, message: 'must be "active" or "hibernating"' });
  return {
    ...publication,
    initialStatus: given(initialStatus) ? (initialStatus as "active" | "hibernating") : undefined,
    capabilities: given(capabilities) ? capabilitiesOf(path, capabilities, faults) : undefined,
  };
}

function capabilitiesOf(
  path: string,
  capabilities: unknown,
  faults: Fault[],
): Record<string, unknown> | undefined {
  const here = `${path}/capabilities`;
  if (!isObject(capabilities)) {
    faults.push({ path: here, message: "must be an object" });
    return undefined;
  }
  for (const key of forbiddenKeys(capabilities))
    faults.push({ path: `${here}${key}`, message: "is not allowed as a name" });
  if (JSON.stringify(capabilities).length > maxCapabilitiesLength)
    faults.push({ path: here, message: `must have at most ${maxCapabilitiesLength} characters` });
  return capabilities;
}

/** Reads a persona. Its fields are those of the kind, but for the name of its llm. */
function personaOf(path: string, sent: Record<string, unknown>, faults: Fault[]): PublishedResource {
  const kind = kindOf("agent");
  const { visibility: _, ...fields } = pick(
    { ...sent, llm: sent["llmName"] },
    Object.keys(kind.fields.properties),
  );
  const publication = publicationOf(kind, path, sent, fields, faults);
  const { defaultParams } = fields;
  if (typeof defaultParams === "object")
    for (const fault of faultsInParams(defaultParams as Record<string, unknown>))
      faults.push({ ...fault, path: `${path}${fault.path}` });
  return publication;
}

/** Reads an MCP server. Nothing in it names a program: only its agent knows that. */
function serverOf(path: string, sent: Record<string, unknown>, faults: Fault[]): PublishedServer {
  const publication = publicationOf(kindOf("server"), path, sent, pick(sent, ["description"]), faults);
  return { ...publication, ...factsIn(path, sent, faults) };
}

/** Checks a name, and fields against their kind. */
function publicationOf(
  kind: Kind,
  path: string,
  sent: Record<string, unknown>,
  fields: Record<string, unknown>,
  faults: Fault[],
): PublishedResource {
  const { name, visibility } = sent;
  if (typeof name !== "string" || !isName(name))
    faults.push({
      path: `${path}/name`,
      message: given(name) ? `must be a name: ${nameRule}` : "is required",
    });
  const checked = validateFields(kind, {
    ...fields,
    ...(given(visibility) && { visibility }),
  });
  const known = new Set(faults.map((fault) => fault.path));
  for (const { path: field, message } of checked.faults) {
    const at = `${path}${field === "/llm" ? "/llmName" : field}`;
    if (!known.has(at)) faults.push({ path: at, message });
  }
  return {
    kind,
    path,
    name: typeof name === "string" ? name : "",
    given: fields,
    visibility: visibility === "public" ? "public" : "private",
  };
}

function noneTwice(publications: readonly PublishedResource[], faults: Fault[]): void {
  const seen = new Set<string>();
  for (const { path, name } of publications.filter((one) => isName(one.name))) {
    if (seen.has(name)) faults.push({ path: `${path}/name`, message: "must not name the same thing twice" });
    seen.add(name);
  }
}

/** Returns the elements of a list that are objects, each with its path. Other elements are faults. */
function listOf(
  body: Record<string, unknown>,
  field: "providers" | "agents" | "mcpServers",
  faults: Fault[],
): [string, Record<string, unknown>][] {
  const list = body[field];
  if (!Array.isArray(list)) {
    faults.push({ path: `/${field}`, message: given(list) ? "must be an array" : "is required" });
    return [];
  }
  if (list.length > maxPublished) {
    faults.push({ path: `/${field}`, message: `must have at most ${maxPublished} elements` });
    return [];
  }
  return list.flatMap((element, index): [string, Record<string, unknown>][] => {
    const path = `/${field}/${index}`;
    if (isObject(element)) return [[path, element]];
    faults.push({ path, message: "must be an object" });
    return [];
  });
}

function aboutIn(body: Record<string, unknown>, faults: Fault[]): WorkstationNames {
  const names = Object.fromEntries(
    (["workstation", "agentVersion"] as const).map((field) => [field, shortText(body, field, faults)]),
  );
  for (const [field, name] of Object.entries(names))
    if (name !== undefined && !/^[^\p{C}\p{Z}]{1,64}$/u.test(name))
      faults.push({
        path: `/${field}`,
        message: "must have 1 to 64 characters, none of them a space or invisible",
      });
  return Object.fromEntries(Object.entries(names).filter(([, name]) => name !== undefined));
}

function shortText(body: Record<string, unknown>, field: string, faults: Fault[]): string | undefined {
  const text = body[field];
  if (!given(text)) return undefined;
  if (typeof text !== "string") faults.push({ path: `/${field}`, message: "must be a string" });
  else if (text.length > maxIdLength)
    faults.push({ path: `/${field}`, message: `must have at most ${maxIdLength} characters` });
  // PostgreSQL cannot store U+0000.
  else if (text.includes("\0")) faults.push({ path: `/${field}`, message: "must not have U+0000" });
  else return text;
  return undefined;
}

function pick(sent: Record<string, unknown>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    fields.filter((field) => given(sent[field])).map((field) => [field, sent[field]]),
  );
}

function given(value: unknown): boolean {
  return value !== undefined && value !== null;
}
