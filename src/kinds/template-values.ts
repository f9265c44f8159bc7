import type { Static } from "@sinclair/typebox";
import type { Fault } from "../errors.ts";
import { mcpServer } from "./mcp-server.ts";
import type { template } from "./template.ts";
import { unknownField, validateFields } from "./validate.ts";

export type TemplateSpec = Static<(typeof template)["fields"]>;

/** The values of parameters, by name: a text, or the secret and key that hold it. */
export type ParameterValues = Readonly<Record<string, string | { name: string; key: string }>>;

const placeholder = /\$\{([^}]*)\}/g;

/**
 * Returns the fields of a server from a template. The text `${NAME}` becomes the value of a parameter. An argument or
 * variable that is nothing but a parameter without a value is left out.
 *
 * @param values values of all required parameters; those of secret ones are references
 */
export function serverFrom(
  spec: Pick<TemplateSpec, "server" | "parameters">,
  values: ParameterValues,
): Record<string, unknown> {
  const all: Record<string, ParameterValues[string] | undefined> = {};
  for (const { name, default: fallback } of spec.parameters) all[name] = values[name] ?? fallback;
  return fill(spec.server, all) as Record<string, unknown>;
}

const left = Symbol("left out");

function fill(
  value: unknown,
  values: Readonly<Record<string, ParameterValues[string] | undefined>>,
): unknown {
  if (typeof value === "string") return fillText(value, values);
  if (Array.isArray(value)) return value.map((one) => fill(one, values)).filter((one) => one !== left);
  if (typeof value !== "object" || value === null) return value;
  const { name, value: inner } = value as { name?: unknown; value?: unknown };
  const only = typeof name === "string" && typeof inner === "string" ? onlyParameter(inner) : undefined;
  const given = only === undefined ? undefined : values[only];
  if (only !== undefined && given === undefined) return left;
  if (typeof given === "object") return { name, valueFrom: { secretRef: given } };
  const entries = Object.entries(value).map(([key, one]) => [key, fill(one, values)] as const);
  return Object.fromEntries(entries.filter(([, one]) => one !== left));
}

function fillText(
  text: string,
  values: Readonly<Record<string, ParameterValues[string] | undefined>>,
): unknown {
  const only = onlyParameter(text);
  if (only !== undefined && values[only] === undefined) return left;
  return text.replace(placeholder, (_, name: string) => {
    const value = values[name];
    return typeof value === "string" ? value : "";
  });
}

/** Returns the name of the parameter if a text is nothing but `${NAME}`. */
function onlyParameter(text: string): string | undefined {
  return /^\$\{([^}]*)\}$/.exec(text)?.[1];
}

/** Returns the faults of a template: in its parameters, and in the fields of its server as far as they are known. */
export function faultsInTemplate({ parameters, server }: TemplateSpec): Fault[] {
  const faults: Fault[] = [];
  const known = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  for (const [i, { name, required, default: fallback, secret }] of parameters.entries()) {
    const at = `/parameters/${i}`;
    if (parameters.findIndex((one) => one.name === name) !== i)
      faults.push({ path: `${at}/name`, message: `"${name}" is given twice` });
    if (secret && fallback !== undefined)
      faults.push({ path: `${at}/default`, message: "is not for a secret parameter" });
    if (required && fallback !== undefined)
      faults.push({ path: `${at}/required`, message: "must be false for a parameter with a default" });
  }
  const fields = Object.keys(mcpServer.fields.properties);
  for (const field of Object.keys(server))
    if (!fields.includes(field))
      faults.push({ path: `/server/${field}`, message: unknownField(`/${field}`, fields) });
  if (faults.length > 0) return faults;
  const open = new Set<string>();
  for (const { path, text, isValue } of textsIn(server, "")) {
    for (const [, name = ""] of text.matchAll(placeholder)) {
      open.add(path);
      const parameter = known.get(name);
      if (!parameter) faults.push({ path: `/server${path}`, message: `there is no parameter "${name}"` });
      // The value of a secret goes nowhere but into a variable or a header, by reference.
      if (parameter?.secret && !(isValue && onlyParameter(text) !== undefined))
        faults.push({
          path: `/server${path}`,
          message: `the secret parameter ${name} must be the whole value of an element of env or headers`,
        });
    }
  }
  const isOpen = (path: string) => [...open].some((one) => one === path || one.startsWith(`${path}/`));
  for (const { path, message } of validateFields(mcpServer, server).faults)
    if (!isOpen(path)) faults.push({ path: `/server${path}`, message });
  return faults;
}

/** Yields every text in a value, with its JSON pointer. `isValue` is true for values of `env` and `headers`. */
function* textsIn(value: unknown, path: string): Generator<{ path: string; text: string; isValue: boolean }> {
  if (typeof value === "string")
    yield { path, text: value, isValue: /^\/(env|headers)\/\d+\/value$/.test(path) };
  else if (typeof value === "object" && value !== null)
    for (const [key, inner] of Object.entries(value))
      yield* textsIn(inner, `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
}
