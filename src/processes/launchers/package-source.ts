import { AppError } from "../../errors.ts";

/** A package of a public registry that is run as a program. */
export interface PackageSource {
  registry: "npm" | "pypi";
  /** `@scope/name`, or `name` */
  name: string;
  /** Extras of a Python package: `["all"]` of `name[all]`. */
  extras: readonly string[];
  /** An exact version, or for npm a tag such as `next`. Undefined for the newest. */
  version: string | undefined;
}

/** A name that no program takes for a flag, a path, an address or a second word. */
const npmPattern =
  /^npm:((?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*)(?:@([0-9A-Za-z][0-9A-Za-z.+-]*))?$/i;
const pypiPattern =
  /^pypi:([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?:\[([a-z0-9][a-z0-9._-]*(?:,[a-z0-9][a-z0-9._-]*)*)\])?(?:==([0-9][0-9A-Za-z.!+_-]*))?$/i;
/** The longest name that npm accepts is 214 characters. */
const longest = 300;

/**
 * Reads the name of a package: `npm:@scope/name@1.2.3`, `pypi:name[extra]==1.2.3`.
 *
 * @throws AppError `invalid_request` for every other text, such as addresses, paths, ranges of versions and flags (T147)
 */
export function parsePackage(text: string): PackageSource {
  const known = text.length <= longest ? text : "";
  const npm = npmPattern.exec(known);
  if (npm) return { registry: "npm", name: npm[1]!, extras: [], version: npm[2] };
  const pypi = pypiPattern.exec(known);
  if (pypi) return { registry: "pypi", name: pypi[1]!, extras: pypi[2]?.split(",") ?? [], version: pypi[3] };
  throw new AppError("invalid_request", `"${text.slice(0, 100)}" is not a package`, {
    hint: "write npm:@scope/name@1.2.3 or pypi:name==1.2.3; addresses, paths and ranges of versions are not accepted",
  });
}
