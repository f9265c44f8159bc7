import { type Static, Type } from "@sinclair/typebox";
import type { Flag } from "./define.ts";

const seconds = (description: string) =>
  Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400, description }));
const dollars = (description: string) => Type.Number({ minimum: 0, maximum: 1_000_000, description });

/** The time limits of a call, in seconds. */
export const Timeouts = Type.Object(
  {
    connect: seconds("To connect to the provider (default 10)"),
    firstByte: seconds("From the request to the first byte of the response (default 300)"),
    silence: seconds("Between two pieces of a response (default 300)"),
  },
  { additionalProperties: false, description: "Time limits of a call, in seconds" },
);

/** The calls that an llm answers at a time, and the wait of further calls. `queueSeconds` needs `maxConcurrent`. */
export const CallLimits = Type.Object(
  {
    maxConcurrent: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: "Calls at a time; further calls wait in a queue",
      }),
    ),
    queueSeconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 3600,
        description: "Seconds that a call waits in the queue before it is refused (default 30)",
      }),
    ),
  },
  { additionalProperties: false, description: "Limits on calls to the llm, whoever makes them" },
);

/** US dollars for a million tokens. */
export const Price = Type.Object(
  {
    input: dollars("Input tokens"),
    output: dollars("Output tokens"),
    cachedInput: Type.Optional(dollars("Input tokens from the provider's cache (default: as input)")),
  },
  {
    additionalProperties: false,
    description: "US dollars for a million tokens; the built-in price list when left out",
  },
);

export type Price = Static<typeof Price>;

/** The fields of an llm that were keys of its `extraConfig` in earlier versions. */
export const movedSettings = ["timeouts", "limits", "price", "responses", "allowModelOverride"] as const;

/** True if a key of an `extraConfig` is a field of the llm now. */
export function isMovedSetting(key: string | undefined): boolean {
  return movedSettings.some((setting) => setting === key);
}

export const settingFlags: Readonly<Record<string, Flag>> = {
  "max-concurrent": { field: "limits.maxConcurrent" },
  "queue-seconds": { field: "limits.queueSeconds" },
  price: {
    field: "price",
    parse: "pairs",
    value: "NAME=DOLLARS",
    description: "US dollars for a million tokens: input, output, cachedInput",
  },
  timeouts: {
    field: "timeouts",
    parse: "pairs",
    value: "NAME=SECONDS",
    description: "Time limits of a call: connect, firstByte, silence",
  },
};
