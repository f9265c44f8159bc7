import type { Arg } from "../core/command.ts";

/** The flag `-f` of verbs that read manifests. */
export const fileArg = {
  type: "string",
  alias: "f",
  multiple: true,
  valueHint: "FILE|DIR|URL|-",
  description:
    "YAML or JSON file, a folder's *.yaml, *.yml and *.json, an https address, or - for standard input",
} as const satisfies Arg;
