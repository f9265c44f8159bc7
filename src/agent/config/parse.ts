import { isAbsolute, join, resolve } from "node:path";
import type { Fault } from "../../errors.ts";
import { validate } from "../../kinds/validate.ts";
import type { AgentConfig, PersonaConfig, ProviderConfig } from "../core/config.ts";
import { parseJson, pointerSegments } from "./json-text.ts";
import { nameFaults } from "./names.ts";
import { checkProvider, providerOf } from "./provider.ts";
import { fileSchema, personaSchema } from "./schema.ts";

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
 * Parses the agent's part of `~/.mcpctl/config.json`: `llm.providers` and `agents`, with defaults filled in. Other parts
 * of the file belong to the command line and are ignored.
 *
 * @param text undefined when there is no file, which is not a fault
 * @returns the config, or every fault
 */
export function parseAgentConfig(
  text: string | undefined,
  place: ConfigPlace,
): { config: AgentConfig } | { faults: ConfigFault[] } {
  if (text === undefined) return { config: { providers: [], agents: [] } };
  const json = parseJson(text);
  if ("message" in json) return { faults: [{ file: place.file, field: "", ...json }] };
  const { providers, agents, faults } = entriesOf(json.value);
  const [providerConfigs, personas] = faults.length > 0 ? [[], []] : read(providers, agents, place, faults);
  if (faults.length === 0) return { config: { providers: providerConfigs, agents: personas } };
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

function entriesOf(value: unknown): { providers: unknown[]; agents: unknown[]; faults: Fault[] } {
  const faults = validate(fileSchema, value);
  if (faults.length > 0) return { providers: [], agents: [], faults };
  const { llm, agents = [] } = value as { llm?: { providers?: unknown[] }; agents?: unknown[] };
  return { providers: llm?.providers ?? [], agents, faults };
}

function read(
  providers: readonly unknown[],
  agents: readonly unknown[],
  place: ConfigPlace,
  faults: Fault[],
): [ProviderConfig[], PersonaConfig[]] {
  const pathOf = (path: string) => {
    if (path.startsWith("~/")) return join(place.userHome, path.slice(2));
    return isAbsolute(path) ? path : resolve(place.home, path);
  };
  for (const [at, entry] of providers.entries())
    faults.push(...checkProvider(entry).map((fault) => below(`/llm/providers/${at}`, fault)));
  for (const [at, entry] of agents.entries())
    faults.push(...checkPersona(entry).map((fault) => below(`/agents/${at}`, fault)));
  if (faults.length > 0) return [[], []];
  const configs = (providers as Fields[]).map((fields) => providerOf(fields, pathOf));
  const personas = (agents as Fields[]).map((fields) => ({ publish: false, ...fields }) as PersonaConfig);
  faults.push(
    ...givenTwice(
      configs.map(({ name }) => name),
      (at) => `/llm/providers/${at}/name`,
    ),
    ...givenTwice(
      configs.map(({ publish, publishName, name }) => (publish ? (publishName ?? name) : undefined)),
      (at) => `/llm/providers/${at}/${configs[at]?.publishName === undefined ? "name" : "publishName"}`,
      "is the published name",
    ),
    ...givenTwice(
      personas.map(({ name }) => name),
      (at) => `/agents/${at}/name`,
    ),
  );
  return [configs, personas];
}

function checkPersona(entry: unknown): Fault[] {
  const faults = validate(personaSchema, entry);
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
