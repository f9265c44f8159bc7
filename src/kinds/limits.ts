import { type Static, Type } from "@sinclair/typebox";
import type { Flag } from "./define.ts";

const count = (description: string) => Type.Optional(Type.Integer({ minimum: 1, description }));
const dollars = (description: string) => Type.Optional(Type.Number({ exclusiveMinimum: 0, description }));

/** Schema options of every field of the type `Limits`. */
export const closedLimits = { additionalProperties: false, minProperties: 1 };

/** `--limit tokensPerDay=100000`. */
export const limitFlag: Flag = {
  field: "limits",
  parse: "pairs",
  value: "NAME=N",
  description:
    "A limit and its value: requestsPerMinute, tokensPerMinute, tokensPerDay, tokensPerMonth, costPerDay, costPerMonth, " +
    "mcpCallsPerMinute or mcpCallsPerDay",
};

/** Limits on the use of llms and MCP servers. Days and months are in UTC. */
export const Limits = Type.Object(
  {
    requestsPerMinute: count("Calls in any 60 seconds"),
    tokensPerMinute: count("Tokens of prompts and responses in any 60 seconds"),
    tokensPerDay: count("Tokens in a day"),
    tokensPerMonth: count("Tokens in a month"),
    costPerDay: dollars("US dollars in a day"),
    costPerMonth: dollars("US dollars in a month"),
    mcpCallsPerMinute: count("Calls of tools, prompts and resources of MCP servers in any 60 seconds"),
    mcpCallsPerDay: count("Calls of tools, prompts and resources of MCP servers in a day"),
  },
  closedLimits,
);
export type Limits = Static<typeof Limits>;
