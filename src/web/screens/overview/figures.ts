import type { ApiObject } from "../../api/lists.ts";

/** An event of the audit log, as far as the page reads it. */
export interface ShownEvent extends ApiObject {
  at: string;
  action: string;
  requestId: string;
  status: number;
  user: string | null;
  token?: string;
  llm?: string;
  poolMember?: string;
  model?: string;
  type?: string;
  dialect?: string;
  streaming?: boolean;
  durationMs?: number;
  ttftMs?: number;
  promptTokens?: number;
  completionTokens?: number;
  cachedTokens?: number;
  cost?: number;
  error?: string;
  detail?: Record<string, unknown>;
}

/** A line of usage by day. */
export interface UsageLine {
  day: string;
  requests: number;
  errors: number;
  promptTokens: number;
  completionTokens: number;
  cost: number | null;
}

/** The spans of the overview. */
export const spans = {
  hour: { label: "Hour", milliseconds: 3_600_000, step: 120_000 },
  day: { label: "Day", milliseconds: 86_400_000, step: 3_600_000 },
  week: { label: "Week", milliseconds: 604_800_000, step: 86_400_000 },
} as const;
export type OverviewSpan = keyof typeof spans;

/** The calls in the steps of a span. */
export interface Figures {
  /** The beginnings of the steps, in seconds since 1970. */
  times: number[];
  calls: number[];
  errors: number[];
  tokens: number[];
  cost: number[];
}

/** Sums events up in the steps of a span that ends now. */
export function figuresOf(events: readonly ShownEvent[], span: OverviewSpan, now: number): Figures {
  const { milliseconds, step } = spans[span];
  const last = Math.floor(now / step) * step;
  const size = Math.round(milliseconds / step);
  const figures = emptyFigures(Array.from({ length: size }, (_, i) => last - (size - 1 - i) * step));
  for (const event of events) {
    const i = size - 1 - (last - Math.floor(Date.parse(event.at) / step) * step) / step;
    if (i < 0 || i >= size || event.action !== "llm_inference_call") continue;
    figures.calls[i]!++;
    if (event.status >= 400) figures.errors[i]!++;
    figures.tokens[i]! += (event.promptTokens ?? 0) + (event.completionTokens ?? 0);
    figures.cost[i]! += event.cost ?? 0;
  }
  return figures;
}

/** Puts usage by day into the days of a week that ends today. Days of usage are in UTC. */
export function figuresOfDays(lines: readonly UsageLine[], now: number): Figures {
  const { step } = spans.week;
  const today = Math.floor(now / step) * step;
  const figures = emptyFigures(Array.from({ length: 7 }, (_, i) => today - (6 - i) * step));
  for (const { day, requests, errors, promptTokens, completionTokens, cost } of lines) {
    const i = 6 - (today - Date.parse(day)) / step;
    if (!Number.isInteger(i) || i < 0 || i > 6) continue;
    figures.calls[i]! += requests;
    figures.errors[i]! += errors;
    figures.tokens[i]! += promptTokens + completionTokens;
    figures.cost[i]! += cost ?? 0;
  }
  return figures;
}

function emptyFigures(times: readonly number[]): Figures {
  const zeros = () => times.map(() => 0);
  return {
    times: times.map((at) => at / 1000),
    calls: zeros(),
    errors: zeros(),
    tokens: zeros(),
    cost: zeros(),
  };
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Returns the median of the durations of events; undefined without one. */
export function medianDuration(events: readonly ShownEvent[]): number | undefined {
  const times = events.flatMap(({ durationMs, action }) =>
    action === "llm_inference_call" && durationMs !== undefined ? [durationMs] : [],
  );
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)];
}
