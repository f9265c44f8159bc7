import type { Fault } from "../../../errors.ts";
import { kinds } from "../../../kinds/index.ts";
import { llm } from "../../../kinds/llm.ts";
import { movedSettings } from "../../../kinds/llm-settings.ts";
import { validate } from "../../../kinds/validate.ts";
import { type LlmRow, specOf } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";
import type { Draft } from "./hooks.ts";

type Setting = (typeof movedSettings)[number];

/**
 * Checks the settings of an llm, and moves those that were sent as keys of `extraConfig`, as earlier versions had
 * them, to the fields of today. A setting that is sent in both places with different values is a fault.
 */
export function checkSettings({ row, sent, faults }: Draft<LlmRow>): void {
  const { spec } = row;
  faults.push(...limitFaults("/limits", spec.limits));
  for (const [key, value] of oldSettings(row)) {
    const path = `/extraConfig/${key}`;
    if (sent(key) && !Bun.deepEquals(spec[key], value))
      faults.push({ path, message: `differs from the field ${key}: give only ${key}` });
    faults.push(...settingFaults(path, key, value));
    Object.assign(spec, { [key]: value });
    delete spec.extraConfig[key];
  }
}

/**
 * Returns a stored row in the form that this version writes: earlier versions had settings of an llm in `extraConfig`,
 * and did not have all fields. This is done on reading, so that it holds for restored backups too, and for rows that an
 * earlier version still writes to the same database. A setting that is wrong stays where it is, and has no effect.
 */
export function inCurrentForm(row: Row): Row {
  const kind = kinds.find((one) => one.kind === row.kind);
  const missing = Object.entries(kind?.fields.properties ?? {}).filter(
    ([field, schema]) =>
      "default" in schema && row.spec[field] === undefined && !kind?.writeOnly.includes(field),
  );
  if (missing.length === 0) return withMovedSettings(row);
  const defaults = missing.map(([field, schema]) => [field, structuredClone(schema["default"])]);
  return withMovedSettings({ ...row, spec: { ...row.spec, ...Object.fromEntries(defaults) } });
}

function withMovedSettings(row: Row): Row {
  if (row.kind !== "llm") return row;
  const moved = oldSettings(row).filter(([key, value]) => settingFaults("", key, value).length === 0);
  if (moved.length === 0) return row;
  const extraConfig = { ...specOf(llm, row).extraConfig };
  for (const [key] of moved) delete extraConfig[key];
  return { ...row, spec: { ...Object.fromEntries(moved), ...row.spec, extraConfig } };
}

function oldSettings(row: Row): [Setting, unknown][] {
  const { extraConfig = {} } = specOf(llm, row);
  return movedSettings.filter((key) => Object.hasOwn(extraConfig, key)).map((key) => [key, extraConfig[key]]);
}

function settingFaults(path: string, key: Setting, value: unknown): Fault[] {
  const faults = validate(llm.fields.properties[key], value);
  if (faults.length > 0) return faults.map((fault) => ({ ...fault, path: `${path}${fault.path}` }));
  return key === "limits" ? limitFaults(path, value as LlmRow["spec"]["limits"]) : [];
}

/** `queueSeconds` has no effect by itself. */
function limitFaults(path: string, limits: LlmRow["spec"]["limits"]): Fault[] {
  if (limits?.queueSeconds === undefined || limits.maxConcurrent !== undefined) return [];
  return [{ path: `${path}/maxConcurrent`, message: "is required with queueSeconds" }];
}
