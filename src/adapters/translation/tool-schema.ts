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
  const properties: Fields = {};
  for (const member of [...choices, ...parts, rest])
    for (const [name, one] of Object.entries(isObject(member.properties) ? member.properties : {}))
      properties[name] = name in properties ? either(properties[name], one) : one;
  const [first, ...others] = choices.map(requiredOf);
  const ofChoices = (first ?? []).filter((name) => others.every((names) => names.includes(name)));
  const required = [...new Set([...requiredOf(rest), ...parts.flatMap(requiredOf), ...ofChoices])];
  return { ...rest, type: "object", properties, ...(required.length > 0 && { required }) };
}

/** Returns the objects of a union; references to definitions of the schema are followed. */
function membersOf(union: unknown, { $defs, definitions }: Fields): Fields[] {
  const members: unknown[] = Array.isArray(union) ? union : [];
  return members.map((member) => defined(member, { $defs, definitions })).filter(isObject);
}

function defined(member: unknown, sources: Fields): unknown {
  const ref = isObject(member) && typeof member.$ref === "string" ? member.$ref : "";
  const [, place = "", name = ""] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(ref) ?? [];
  const source = sources[place];
  return isObject(source) && Object.hasOwn(source, name) ? source[name] : member;
}

function either(one: unknown, other: unknown): unknown {
  return JSON.stringify(one) === JSON.stringify(other) ? one : { anyOf: [one, other] };
}

function requiredOf({ required }: Fields): string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === "string") : [];
}
