import type { Fault } from "../../errors.ts";
import { validate } from "../validate.ts";
import {
  type BackendConfig,
  type BackendType,
  type CredentialRef,
  type TypeWithSetUp,
  withDefaults,
} from "./define.ts";
import { backendTypes } from "./index.ts";

/** Finds a type of secret backend by its name; undefined for a type that this version does not have. */
export function findBackendType(name: unknown): BackendType | undefined {
  const types: readonly BackendType[] = backendTypes;
  return types.find((type) => type.name === name);
}

/** Returns the types that an admin token can set up. The first is meant where none is named. */
export function typesWithSetUp(): readonly TypeWithSetUp[] {
  const types: readonly BackendType[] = backendTypes;
  return types.filter((type): type is TypeWithSetUp => type.setUp !== undefined);
}

/** Returns examples for `mcpctl create --help`, each a command line and its explanation. */
export function createExamples(): (readonly [string, string])[] {
  const types: readonly BackendType[] = backendTypes;
  return types.flatMap(({ commands = [] }) => commands);
}

/**
 * Completes the config of a secret backend with its defaults.
 *
 * @param name the type of the backend
 * @returns the config, and every fault in it by its JSON pointer in the resource
 */
export function completeConfig(
  name: string,
  given: BackendConfig,
): { config: Record<string, unknown>; faults: Fault[] } {
  const type = findBackendType(name);
  if (!type) return { config: { ...given }, faults: [{ path: "/type", message: unknownType(name) }] };
  const config = withDefaults(type.config, given);
  const faults = validate(type.config, config);
  const completed = faults.length === 0 && type.complete ? type.complete(config) : { config, faults };
  return {
    config: completed.config,
    faults: completed.faults.map((fault) => ({ ...fault, path: `/config${fault.path}` })),
  };
}

/** Says that a type of secret backend is not known, and which ones are. */
export function unknownType(name: string): string {
  const known = backendTypes.map((type) => type.name).join(", ");
  return `type "${name}" is unknown to this version of mcpctl; it knows ${known}`;
}

/**
 * Returns the value that a secret backend logs in with; undefined where it needs none, or names none. A manifest of a
 * backend that exists may leave its type out: then the config is read as one of any type that has a login.
 */
export function credentialOf(spec: { type?: unknown; config?: unknown }): CredentialRef | undefined {
  const types: readonly BackendType[] = backendTypes;
  const config = (spec.config ?? {}) as BackendConfig;
  for (const { name, login } of types) {
    const credential = (spec.type ?? name) === name ? login?.credentialOf(config) : undefined;
    if (credential) return { ...credential, path: `/config${credential.path}` };
  }
  return undefined;
}

/** True if backends of a type can be read without a login, so that the credential of another may lie there. */
export function canHoldCredentials(name: unknown): boolean {
  const type = findBackendType(name);
  return type !== undefined && type.login === undefined;
}
