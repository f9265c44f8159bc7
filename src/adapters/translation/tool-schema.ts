import { isObject } from "../../wire/json.ts";
import { type Fields, isGiven } from "./request-fields.ts";

/**
 * Returns the schema of a tool's arguments in the form that Anthropic and OpenAI take: an object that names its
 * properties, without a union at its top. There the properties of all members are allowed, and those that each member
 * requires are required (case 178). The rest of the schema stays as it is.
 */
export function argumentsSchema(schema: Fields): Fields {
  const { anyOf, oneOf, allOf, ...rest } = schema;
  const choices = [...membersOf(anyOf, rest), ...membersOf(oneOf, rest)];
  const parts = membersOf(allOf, rest);
  if (choices.length + parts.length === 0) {
    const isNamed = isGiven(schema.properties) || isGiven(schema.$ref);
    return isNamed || schema.type !== "object" ? schema : { ...schema, properties: {} };
  }
  const forms = new Map<string, unknown[]>();
  for (const member of [...choices, ...parts, rest])
    for (const [name, one] of Object.entries(isObject(member.properties) ? member.properties : {})) {
      const before = forms.get(name);
      if (before) before.push(one);
      else forms.set(name, [one]);
    }
  const properties = Object.fromEntries(Array.from(forms, ([name, ones]) => [name, oneOfAll(ones)]));
  const [first, ...others] = choices.map((choice) => new Set(requiredOf(choice)));
  const ofChoices = [...(first ?? [])].filter((name) => others.every((names) => names.has(name)));
  const required = [...new Set([...requiredOf(rest), ...parts.flatMap(requiredOf), ...ofChoices])];
  return { ...rest, type: "object", properties, ...(required.length > 0 && { required }) };
}

/** Returns the objects of a union; references to definitions of the schema are followed. */
function membersOf(union: unknown, { $defs, definitions }: Fields): Fields[] {
  const members: unknown[] = Array.isArray(union) ? union : [];
  const all = members.map((member) => defined(member, { $defs, definitions })).filter(isObject);
  // Thousands of references may lead to one definition.
  return [...new Set(all)];
}

function defined(member: unknown, sources: Fields): unknown {
  const ref = isObject(member) && typeof member.$ref === "string" ? member.$ref : "";
  const [, place = "", name = ""] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(ref) ?? [];
  const source = sources[place];
  return isObject(source) && Object.hasOwn(source, name) ? source[name] : member;
}

/** Returns the schema that allows what one of several allows. Each is written once: a union may have thousands (T293). */
function oneOfAll(schemas: readonly unknown[]): unknown {
  if (schemas.length === 1) return schemas[0];
  const different = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  return different.length === 1 ? different[0] : { anyOf: different };
}

function requiredOf({ required }: Fields): string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === "string") : [];
}
