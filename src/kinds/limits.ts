import { type Static, Type } from "@sinclair/typebox";
import type { Flag } from "./define.ts";

const count = (description: string) => Type.Optional(Type.Integer({ minimum: 1, description }));
const dollars = (description: string) => Type.Optional(Type.Number({ exclusiveMinimum: 0, description }));

/** What a field of limits has besides its properties and its description. */
export const closedLimits = { additionalProperties: false, minProperties: 1 };

/** `--limit tokensPerDay=100000`. */
export const limitFlag: Flag = {
  field: "limits",
  parse: "pairs",
  value: "NAME=N",
  description:
    "requestsPerMinute, tokensPerMinute, tokensPerDay, tokensPerMonth, costPerDay or costPerMonth, and how much",
};

/** How much somebody may use. Days and months are those of UTC. */
export const Limits = Type.Object(
  {
    requestsPerMinute: count("Calls in any 60 seconds"),
    tokensPerMinute: count("Tokens in any 60 seconds, of prompts and answers"),
    tokensPerDay: count("Tokens in a day"),
    tokensPerMonth: count("Tokens in a month"),
    costPerDay: dollars("US dollars in a day"),
    costPerMonth: dollars("US dollars in a month"),
  },
  closedLimits,
);
export type Limits = Static<typeof Limits>;
