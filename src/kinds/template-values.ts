import type { Static } from "@sinclair/typebox";
import type { Fault } from "../errors.ts";
import { onlyParameter, placeholder } from "./fill-template.ts";
import { mcpServer } from "./mcp-server.ts";
import type { template } from "./template.ts";
import { unknownField, validateFields } from "./validate.ts";

export type TemplateSpec = Static<(typeof template)["fields"]>;

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
