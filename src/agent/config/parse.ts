import { isAbsolute, join, resolve } from "node:path";
import type { Fault } from "../../errors.ts";
import { validate } from "../../kinds/validate.ts";
import type { AgentConfig, PersonaConfig } from "../core/config.ts";
import { parseJson, pointerSegments } from "./json-text.ts";
import { checkMcpServer, mcpServerOf } from "./mcp-server.ts";
import { nameFaults } from "./names.ts";
import { checkProvider, providerOf } from "./provider.ts";
import { fileSchema, personaSchema } from "./schema.ts";
import { withTextFaults } from "./text-faults.ts";

/** A fault in the config and its place. */
export interface ConfigFault {
  /** Path as the user writes it: `~/.mcpctl/config.json`. */
  file: string;
  /** From 1. */
  line: number;
  /** `llm.providers[1].wake.maxWaitSeconds`; empty for the file as a whole. */
  field: string;
  message: string;
}

/** The place of the file, and its name in faults. */
export interface ConfigPlace {
  file: string;
  /** The folder that relative paths start from: `~/.mcpctl`. */
  home: string;
  /** The folder that `~` means. */
  userHome: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Returns the place of the config in a home. */
export function configPlace(home: string, userHome: string): ConfigPlace {
  const file = home === join(userHome, ".mcpctl") ? "~/.mcpctl/config.json" : configPath({ home });
  return { file, home, userHome };
}

/** Returns the path of the file. */
export function configPath({ home }: Pick<ConfigPlace, "home">): string {
  return join(home, "config.json");
}

/**
 * Parses the agent's part of `~/.mcpctl/config.json`: `llm.providers`, `agents` and `mcpServers`, with defaults filled in. Other parts
 * of the file belong to the command line and are ignored.
 *
 * @param text undefined when there is no file, which is not a fault
 * @returns the config, or every fault
 */
export function parseAgentConfig(
  text: string | undefined,
  place: ConfigPlace,
): { config: AgentConfig } | { faults: ConfigFault[] } {
  if (text === undefined) return { config: { providers: [], agents: [], mcpServers: [] } };
  const json = parseJson(text);
  if ("message" in json) return { faults: [{ file: place.file, field: "", ...json }] };
  const { entries, faults } = entriesOf(json.value);
  const config = faults.length > 0 ? undefined : read(entries, place, faults);
  if (config && faults.length === 0) return { config };
  const located = faults.map(({ path, message }) => ({
    file: place.file,
    line: json.lineOf(path),
    field: dotted(path),
    message,
  }));
  return { faults: located.sort((a, b) => a.line - b.line) };
}

/** Formats a fault as one line: `~/.mcpctl/config.json:12: llm.providers[1].wake.maxWaitSeconds: must be …`. */
export function faultLine({ file, line, field, message }: ConfigFault): string {
  return `${file}:${line}: ${field === "" ? "" : `${field}: `}${message}`;
}

/** The entries of the file, as they are written. */
interface Entries {
  providers: readonly unknown[];
  agents: readonly unknown[];
  mcpServers: readonly unknown[];
  workstation?: string;
}

function entriesOf(value: unknown): { entries: Entries; faults: Fault[] } {
  const faults = validate(fileSchema, value);
  if (faults.length > 0) return { entries: { providers: [], agents: [], mcpServers: [] }, faults };
  const {
    llm,
    agents = [],
    mcpServers = [],
    workstation,
  } = value as Partial<Entries> & { llm?: Partial<Entries> };
  const entries = { providers: llm?.providers ?? [], agents, mcpServers };
  return { entries: { ...entries, ...(workstation !== undefined && { workstation }) }, faults };
}

function read(
  { providers, agents, mcpServers, workstation }: Entries,
  place: ConfigPlace,
  faults: Fault[],
): AgentConfig {
  const pathOf = (path: string) => {
    if (path.startsWith("~/")) return join(place.userHome, path.slice(2));
    return isAbsolute(path) ? path : resolve(place.home, path);
  };
  const check = (entries: readonly unknown[], list: string, faultsOf: (entry: unknown) => Fault[]) => {
    for (const [at, entry] of entries.entries())
      faults.push(...faultsOf(entry).map((fault) => below(`/${list}/${at}`, fault)));
  };
  check(providers, "llm/providers", checkProvider);
  check(agents, "agents", checkPersona);
  check(mcpServers, "mcpServers", checkMcpServer);
  if (faults.length > 0) return { providers: [], agents: [], mcpServers: [] };
  const config: AgentConfig = {
    ...(workstation !== undefined && { workstation }),
    providers: (providers as Fields[]).map((fields) => providerOf(fields, pathOf)),
    agents: (agents as Fields[]).map((fields) => ({ publish: false, ...fields }) as PersonaConfig),
    mcpServers: (mcpServers as Fields[]).map((fields) => mcpServerOf(fields, pathOf)),
  };
  faults.push(
    ...namesTwice(config.providers, "/llm/providers"),
    ...namesTwice(config.mcpServers, "/mcpServers"),
    ...givenTwice(
      config.agents.map(({ name }) => name),
      (at) => `/agents/${at}/name`,
    ),
  );
  return config;
}

/** Returns a fault for each name, and each published name, that two entries have. */
function namesTwice(
  entries: readonly { name: string; publish: boolean; publishName?: string }[],
  list: string,
): Fault[] {
  return [
    ...givenTwice(
      entries.map(({ name }) => name),
      (at) => `${list}/${at}/name`,
    ),
    ...givenTwice(
      entries.map(({ publish, publishName, name }) => (publish ? (publishName ?? name) : undefined)),
      (at) => `${list}/${at}/${entries[at]?.publishName === undefined ? "name" : "publishName"}`,
      "is the published name",
    ),
  ];
}

function checkPersona(entry: unknown): Fault[] {
  const faults = withTextFaults(entry, validate(personaSchema, entry));
  if (faults.length > 0) return faults;
  return nameFaults(personaSchema, entry as Fields);
}

function givenTwice(
  names: readonly (string | undefined)[],
  pathOf: (at: number) => string,
  what = "is the name",
): Fault[] {
  return names.flatMap((name, at) => {
    const first = names.indexOf(name);
    if (name === undefined || first === at) return [];
    const other = pathOf(first).replace(/\/\w+$/, "");
    return [{ path: pathOf(at), message: `"${name}" ${what} of ${dotted(other)} too` }];
  });
}

function below(path: string, fault: Fault): Fault {
  return { ...fault, path: path + fault.path };
}

/** Turns `/llm/providers/1/url` into `llm.providers[1].url`. */
function dotted(pointer: string): string {
  return pointerSegments(pointer)
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
}
