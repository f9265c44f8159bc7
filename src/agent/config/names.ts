import type { TObject } from "@sinclair/typebox";
import type { Fault } from "../../errors.ts";
import { isName } from "../../kinds/names.ts";

/** Returns a fault for each field that must hold a name and does not. Fields of another type are left to `validate`. */
export function nameFaults(schema: TObject, fields: Readonly<Record<string, unknown>>): Fault[] {
  const names = Object.entries(schema.properties).filter(([, property]) => property["isName"] === true);
  return names.flatMap(([field]) => {
    const value = fields[field];
    if (typeof value !== "string" || isName(value)) return [];
    return [
      { path: `/${field}`, message: "must be a name: lower-case letters, digits and dashes, 100 at most" },
    ];
  });
}
