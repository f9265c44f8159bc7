/** A template, as far as it is filled in. */
export interface FillableTemplate {
  parameters: readonly { name: string; default?: string }[];
  server: Readonly<Record<string, unknown>>;
}

/** The value of a parameter: a text, the secret and key that hold it, or the key that each user gives. */
export type ParameterValue = string | { name: string; key: string } | { userKey: string };

/** The values of parameters, by name. */
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/** The place of a parameter's value: `${NAME}`. */
export const placeholder = /\$\{([^}]*)\}/g;

/**
 * Returns the fields of a server from a template. The text `${NAME}` becomes the value of a parameter. An argument or
 * variable that is nothing but a parameter without a value is left out. With a key of each user, every caller has instances
 * of their own.
 *
 * @param values values of all required parameters; those of secret ones are no texts
 */
export function serverFrom(spec: FillableTemplate, values: ParameterValues): Record<string, unknown> {
  const all: Record<string, ParameterValue | undefined> = {};
  for (const { name, default: fallback } of spec.parameters) all[name] = values[name] ?? fallback;
  const fields = fill(spec.server, all) as Record<string, unknown>;
  const isOfUsers = Object.values(all).some((one) => typeof one === "object" && "userKey" in one);
  return isOfUsers ? { sharing: "principal", ...fields } : fields;
}

const left = Symbol("left out");

function fill(value: unknown, values: Readonly<Record<string, ParameterValue | undefined>>): unknown {
  if (typeof value === "string") return fillText(value, values);
  if (Array.isArray(value)) return value.map((one) => fill(one, values)).filter((one) => one !== left);
  if (typeof value !== "object" || value === null) return value;
  const { name, value: inner } = value as { name?: unknown; value?: unknown };
  const only = typeof name === "string" && typeof inner === "string" ? onlyParameter(inner) : undefined;
  const given = only === undefined ? undefined : values[only];
  if (only !== undefined && given === undefined) return left;
  if (typeof given === "object")
    return { name, valueFrom: "userKey" in given ? given : { secretRef: given } };
  const entries = Object.entries(value).map(([key, one]) => [key, fill(one, values)] as const);
  return Object.fromEntries(entries.filter(([, one]) => one !== left));
}

function fillText(text: string, values: Readonly<Record<string, ParameterValue | undefined>>): unknown {
  const only = onlyParameter(text);
  if (only !== undefined && values[only] === undefined) return left;
  return text.replace(placeholder, (_, name: string) => {
    const value = values[name];
    return typeof value === "string" ? value : "";
  });
}

/** Returns the name of the parameter if a text is nothing but `${NAME}`. */
export function onlyParameter(text: string): string | undefined {
  return /^\$\{([^}]*)\}$/.exec(text)?.[1];
}

/** Returns the key of each user that a text names, as in `user://KEY`; undefined for any other text. */
export function userKeyIn(text: string): { userKey: string } | undefined {
  const [, userKey] = /^user:\/\/([A-Za-z0-9_][A-Za-z0-9._-]{0,99})$/.exec(text) ?? [];
  return userKey === undefined ? undefined : { userKey };
}
