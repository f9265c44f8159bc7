import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { isMovedSetting, movedSettings } from "../../kinds/llm-settings.ts";
import { isObject } from "../../wire/json.ts";
import { fieldsOf, Id, Name, Time, Words } from "../client/answers.ts";
import type { ApiClient } from "../client/client.ts";
import { answerShape } from "../client/shape.ts";
import { age, at, plain } from "../output/cells.ts";
import { type DescriptionEntry, type FieldEntries, timed } from "../output/describe.ts";
import { mask } from "../output/mask.ts";
import { tableLine, widthsOf } from "../output/table.ts";
import type { KindExtension } from "./extension.ts";

/** The response of `GET /api/v1/llms/:name/members`. */
const membersAnswer = fieldsOf({
  poolName: Words,
  explicit: Type.Boolean(),
  size: Type.Integer(),
  activeCount: Type.Integer(),
  members: Type.Array(Type.Object({ id: Id, name: Name })),
});

export const llm: KindExtension = {
  createArgs: {
    "skip-auth-check": {
      type: "boolean",
      description: "Do not ask the provider if it accepts the key",
    },
  },
  createQuery: (args): Record<string, string> => (args["skip-auth-check"] ? { probe: "false" } : {}),
  warnings: ({ probe }) => {
    if (!isObject(probe) || probe["ok"] !== false) return [];
    return [plain(probe["message"])];
  },
  // The server moves settings from extraConfig, where earlier versions had them, to fields.
  asStored(live, fields) {
    const { extraConfig } = fields;
    if (!isObject(extraConfig)) return fields;
    const isStored = (key: string, value: unknown) =>
      isMovedSetting(key) && !Object.hasOwn(fields, key) && Bun.deepEquals(live[key], value);
    const rest = Object.entries(extraConfig).filter(([key, value]) => !isStored(key, value));
    return { ...fields, extraConfig: Object.fromEntries(rest) };
  },
  currentPath: (live, [first, second, ...rest]) =>
    first === "extraConfig" && second !== undefined && isMovedSetting(second) && live[second] !== undefined
      ? [second, ...rest]
      : undefined,
  describe: async (llm, context) => describeLlm(llm, await context.client(), context.now()),
};

/** The secret that holds the API key (never the key itself), the pool, and the free-form settings. */
async function describeLlm(llm: Resource, client: ApiClient, now: number): Promise<FieldEntries> {
  const key = llm["apiKeyRef"] as { name: string; key: string } | null | undefined;
  const settings = mask(llm["extraConfig"] ?? {}) as Record<string, unknown>;
  return {
    apiKeyRef: [
      section("API Key", key ? { Secret: key.name, Key: key.key } : {}),
      ...(await pool(llm, client)),
    ],
    poolName: [],
    // Only an llm of a workstation has one.
    ...(typeof llm["workstation"] !== "string" && { workstation: [] }),
    ...(llm["health"] !== undefined && { health: [healthSection(llm["health"], now)] }),
    extraConfig: [section("Extra Config", settings), ...(await lastCalls(llm, client))],
    ...Object.fromEntries(
      movedSettings.filter((field) => llm[field] === undefined).map((field) => [field, []]),
    ),
  };
}

/** The health as calls and probes show it, with the last failure. */
function healthSection(health: unknown, now: number): DescriptionEntry {
  if (!isObject(health))
    return {
      title: "Health",
      entries: [{ label: "Status", value: "unknown: not called yet, or changed since" }],
    };
  const { status, since, latencyMs, lastError } = health;
  const entries = [
    { label: "Status", value: plain(status) },
    { label: "Since", value: timed(plain(since), now) },
    ...(typeof latencyMs === "number" ? [{ label: "Latency", value: `${latencyMs} ms` }] : []),
  ];
  if (isObject(lastError))
    entries.push({
      label: "Last Error",
      value: `${plain(lastError["message"])} (${plain(lastError["code"])}), ${age(plain(lastError["at"]), now)}`,
    });
  return { title: "Health", entries };
}

const CallEvent = Type.Object({
  at: Time,
  requestId: Words,
  user: Type.Optional(Type.Union([Words, Type.Null()])),
  status: Type.Number(),
  durationMs: Type.Optional(Type.Number()),
  error: Type.Optional(Words),
});
const callEvents = answerShape(Type.Array(CallEvent));

/** The last calls of the llm; nothing for who may not view the audit log. */
async function lastCalls(llm: Resource, client: ApiClient): Promise<readonly DescriptionEntry[]> {
  const query = { llm: llm.name, action: "llm_inference_call", limit: "5" };
  const events = await client.call("GET", "/api/v1/audit", { query, answer: callEvents }).catch((error) => {
    if (error instanceof AppError && (error.code === "not_found" || error.code === "forbidden")) return [];
    throw error;
  });
  if (events.length === 0) return [];
  const rows = events.map(({ at, user, status, durationMs, error, requestId }) => [
    at.replace(/\.\d+Z$/, "Z"),
    plain(user),
    String(status),
    durationMs === undefined ? "-" : `${durationMs} ms`,
    plain(error),
    requestId,
  ]);
  const widths = widthsOf(rows);
  return [{ title: "Last Calls", lines: rows.map((row) => tableLine(row, widths)) }];
}

function section(title: string, values: Readonly<Record<string, unknown>>): DescriptionEntry {
  return { title, entries: Object.entries(values).map(([label, value]) => ({ label, value: plain(value) })) };
}

/** The pool if the llm shares one. Nothing if the caller may not see the other members. */
async function pool(llm: Resource, client: ApiClient): Promise<readonly DescriptionEntry[]> {
  let members: NonNullable<(typeof membersAnswer)["of"]>;
  try {
    members = await client.call("GET", `/api/v1/llms/${llm.name}/members`, { answer: membersAnswer });
  } catch (error) {
    if (error instanceof AppError && (error.code === "not_found" || error.code === "forbidden")) return [];
    throw error;
  }
  if (!members.explicit && members.size < 2) return [];
  const rows = members.members.map((member) => [
    member.name,
    plain(at(member, "origin")),
    plain(at(member, "status")),
    member.id === llm.id ? "← this row" : "",
  ]);
  const widths = widthsOf(rows);
  const lines = [
    `Name:      ${members.poolName}`,
    `Active:    ${members.activeCount} of ${members.size}`,
    "Members:",
    ...rows.map((row) => `  ${tableLine(row, widths)}`),
  ];
  return [{ title: "Pool", lines }];
}
