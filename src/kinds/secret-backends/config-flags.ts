import type { Flag } from "../define.ts";
import type { BackendType } from "./define.ts";
import { backendTypes } from "./index.ts";

const types: readonly BackendType[] = backendTypes;

/** Returns the fields that the config has with each type: `vault: url, mount; plaintext, sealed: none`. */
export function configFields(): string {
  const fieldsOf = (type: BackendType) => Object.keys(type.config.properties);
  const some = types.filter((type) => fieldsOf(type).length > 0);
  const none = types.filter((type) => fieldsOf(type).length === 0).map(({ name }) => name);
  const texts = some.map((type) => `${type.name}: ${fieldsOf(type).join(", ")}`);
  return [...texts, ...(none.length > 0 ? [`${none.join(", ")}: none`] : [])].join("; ");
}

/** Returns the flags of the kind with those that set fields of a config. A flag that several types have sets the same field for each of them. */
export function configFlags(own: Readonly<Record<string, Flag>>): Record<string, Flag> {
  const flags: Record<string, Flag> = { ...own };
  for (const type of types) {
    for (const [name, flag] of Object.entries(type.flags ?? {})) {
      const field = `config.${flag.field}`;
      const known = flags[name];
      if (known && (known.field !== field || known.parse !== flag.parse))
        throw new Error(`two flags of secret backends are called --${name}`);
      const description = `${type.name}: ${flag.description}`;
      flags[name] = known
        ? { ...known, description: `${known.description}; ${description}` }
        : { ...flag, field, description };
    }
  }
  return flags;
}
