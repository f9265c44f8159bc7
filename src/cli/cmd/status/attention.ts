import type { Resource } from "../../../kinds/define.ts";
import { isObject } from "../../../wire/json.ts";
import type { Identity } from "../../client/account-answers.ts";
import { age } from "../../output/cells.ts";
import { isNearEnd, type LimitUse, limitText } from "../../output/limits.ts";

/** The server's facts about its catalogue, without those that the user may not see or an older server does not have. */
export interface CatalogueFacts {
  identity?: Identity | undefined;
  llms?: Resource[] | undefined;
  instances?: Resource[] | undefined;
  backends?: Resource[] | undefined;
  tokens?: Resource[] | undefined;
  limits?: LimitUse[] | undefined;
}

interface Faulty {
  name: string;
  status: string;
  reason: string | null;
}

/** Things that somebody should look after. */
export interface Attention {
  failing: { llm: string; since: string; error: string }[];
  /** Instances of MCP servers, with those that do not run. */
  instances?: { total: number; running: number; faulty: Faulty[] };
  secretBackends?: { total: number; faulty: Faulty[] };
  /** Tokens that end soon or have just ended, the first to end first. */
  endingTokens: { name: string; owner: string | null; expiresAt: string }[];
  limitsNearEnd: LimitUse[];
}

/** A line; red on a terminal with colours if something is wrong. */
export type StatusLine = { label: string; value: string; isBad?: boolean };

const day = 24 * 60 * 60 * 1000;
/** Milliseconds before and after the end of a token in which it is named. */
const endsSoon = 14 * day;
/** A token that was made for less, in milliseconds, is meant to end. */
const leastLife = day;
/** The most lines of one label. */
const mostLines = 10;

/** Picks what needs attention. */
export function attentionOf(
  { identity, llms = [], instances, backends, tokens = [], limits = [] }: CatalogueFacts,
  now: number,
): Attention {
  return {
    failing: llms.flatMap(failingLlm),
    ...(instances && {
      instances: {
        total: instances.length,
        running: instances.filter(({ status }) => isRunning(status)).length,
        faulty: instances.filter(({ status }) => isDown(status)).map(faultyInstance),
      },
    }),
    ...(backends && {
      secretBackends: {
        total: backends.length,
        faulty: backends
          .filter((one) => ["stale", "warning", "error"].includes(healthOf(one).status))
          .map(healthOf),
      },
    }),
    endingTokens: tokens
      .filter((token) => identity?.admin || token["owner"] === identity?.user)
      .filter((token) => isEnding(token, now))
      .map(({ name, owner, expiresAt }) => ({
        name,
        owner: typeof owner === "string" ? owner : null,
        expiresAt: String(expiresAt),
      }))
      .sort((a, b) => Date.parse(a.expiresAt) - Date.parse(b.expiresAt)),
    limitsNearEnd: limits.filter(isNearEnd),
  };
}

function failingLlm({ name, health }: Resource): Attention["failing"] {
  if (!isObject(health) || health["status"] !== "failing") return [];
  const error = isObject(health["lastError"]) ? String(health["lastError"]["message"]) : "unknown";
  return [{ llm: name, since: String(health["since"]), error }];
}

function isRunning(status: unknown): boolean {
  return status === "running" || status === "idle";
}

function isDown(status: unknown): boolean {
  return status === "failed" || status === "unhealthy" || status === "backoff";
}

function faultyInstance({ name, status, error }: Resource): Faulty {
  return { name, status: String(status), reason: typeof error === "string" ? error : null };
}

function healthOf({ name, health }: Resource): Faulty {
  if (!isObject(health)) return { name, status: "unknown", reason: null };
  const { status, reason } = health;
  return { name, status: String(status), reason: typeof reason === "string" ? reason : null };
}

function isEnding({ createdAt, expiresAt }: Resource, now: number): boolean {
  if (typeof expiresAt !== "string") return false;
  const end = Date.parse(expiresAt);
  return Math.abs(end - now) <= endsSoon && end - Date.parse(String(createdAt)) >= leastLife;
}

/** The lines of what needs attention. There are none of things that are as they should be, but for counts. */
export function attentionLines(attention: Attention, now: number): StatusLine[] {
  const { failing, instances, secretBackends, endingTokens, limitsNearEnd } = attention;
  const broken = failing.map(({ llm, since, error }) => `${llm}, since ${age(since, now)}: ${error}`);
  const near = limitsNearEnd.map((use) => `${use.kind} ${use.name}: ${limitText(use, now)}`);
  const ending = endingTokens.map(({ name, owner, expiresAt }) => {
    const verb = Date.parse(expiresAt) < now ? "EXPIRED" : "expires";
    return `${name}${owner === null ? "" : ` (${owner})`} ${verb} ${age(expiresAt, now)}`;
  });
  return [
    ...underOneLabel("Failing LLMs", broken, true),
    ...(instances && instances.total > 0
      ? [{ label: "Instances", value: `${instances.total}, ${instances.running} running` }]
      : []),
    ...underOneLabel("Instances down", (instances?.faulty ?? []).map(faultText), true),
    ...(secretBackends && secretBackends.total > 0
      ? [{ label: "Secret backends", value: backendsText(secretBackends) }]
      : []),
    ...underOneLabel("Backends failing", (secretBackends?.faulty ?? []).map(faultText), true),
    ...underOneLabel("Limits near end", near),
    ...underOneLabel("Tokens ending", ending),
  ];
}

function backendsText({ total, faulty }: NonNullable<Attention["secretBackends"]>): string {
  return faulty.length === 0 ? String(total) : `${total}, ${faulty.length} failing`;
}

function faultText({ name, status, reason }: Faulty): string {
  return `${name}, ${status}${reason === null ? "" : `: ${reason}`}`;
}

function underOneLabel(label: string, values: readonly string[], isBad = false): StatusLine[] {
  const more = values.length - mostLines;
  const shown = more > 0 ? [...values.slice(0, mostLines), `and ${more} more`] : values;
  return shown.map((value, i) => ({ label: i === 0 ? label : "", value, isBad }));
}
