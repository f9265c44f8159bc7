import { systemReason } from "../../../system-errors.ts";
import { isObject } from "../../../wire/json.ts";
import { escapeLine } from "../../../wire/text.ts";
import { plain } from "../../output/cells.ts";
import { aligned } from "../../output/describe.ts";
import { type ApiAuditEvent, actor, cost, span, target, tokenText, units } from "./cells.ts";

type Line = { label: string; value: string };

/** Returns the events of one request in full, oldest first: for a call who made it, by which rule, and how it ended. */
export function storyText(events: readonly ApiAuditEvent[]): string {
  return events
    .map((event) => `${aligned(linesOf(event), "").join("\n")}\n${attemptsText(event)}`)
    .join("\n");
}

function linesOf(event: ApiAuditEvent): Line[] {
  const { at, action, requestId, durationMs, ttftMs } = event;
  const times = [
    ...(durationMs === undefined ? [] : [`took ${span(durationMs)}`]),
    ...(ttftMs === undefined ? [] : [`first token after ${span(ttftMs)}`]),
  ];
  const who = actor(event) ?? "nobody";
  const bearer = tokenText(event);
  return [
    { label: "Request", value: requestId },
    { label: "Time", value: [at, ...times].join(", ") },
    {
      label: "Caller",
      value: bearer === null ? who : `${who}, with token ${bearer}`,
    },
    { label: "Action", value: action },
    { label: "Target", value: targetText(event) },
    ...rulesOf(event),
    ...failureOf(event.detail ?? {}),
    ...tokensOf(event),
    { label: "Result", value: resultOf(event) },
  ];
}

/** `fast/gpt (model gpt-5.6-luna, chat, streaming)` */
function targetText(event: ApiAuditEvent): string {
  const { model, dialect, streaming } = event;
  const more = [
    ...(model === undefined ? [] : [`model ${model}`]),
    ...(dialect === undefined ? [] : [dialect]),
    ...(streaming ? ["streaming"] : []),
  ];
  const name = target(event) ?? "-";
  return more.length === 0 ? name : `${name} (${more.join(", ")})`;
}

function rulesOf({ rules }: ApiAuditEvent): Line[] {
  if (rules === undefined) return [];
  if (rules.length === 0)
    return [{ label: "Allowed by", value: "no rule that you can see, as the rules are now" }];
  const texts = rules.map(({ rule, subject, grant, changedSince }) => {
    const whom = subject === undefined ? "" : ` for ${subject}`;
    return `${rule}: ${grant}${whom}${changedSince ? " (changed since)" : ""}`;
  });
  return texts.map((value, i) => ({ label: i === 0 ? "Allowed by" : "", value }));
}

/** The lines about the cause of a failure: the reason in words, the host, and what the provider answered. */
function failureOf(detail: Readonly<Record<string, unknown>>): Line[] {
  const { cause, host, said, proxy, phases } = detail;
  return [
    ...(typeof cause === "string" ? [{ label: "Cause", value: causeText(cause) }] : []),
    ...(typeof host === "string" ? [{ label: "Host", value: host }] : []),
    ...(typeof proxy === "string" ? [{ label: "Proxy", value: proxy }] : []),
    ...(typeof said === "string" ? [{ label: "Provider said", value: said }] : []),
    ...(isObject(phases) ? [{ label: "Phases", value: phasesText(phases) }] : []),
  ];
}

/** `the certificate has expired (CERT_HAS_EXPIRED)` */
function causeText(cause: string): string {
  const reason = systemReason({ code: cause });
  return reason ? `${reason.text} (${cause})` : cause;
}

function phasesText(phases: Readonly<Record<string, unknown>>): string {
  const names = { before: "before its turn", head: "until the provider answered", body: "for the answer" };
  return Object.entries(names)
    .flatMap(([phase, words]) => {
      const time = phases[phase];
      return typeof time === "number" ? [`${span(time)} ${words}`] : [];
    })
    .join(", ");
}

function tokensOf(event: ApiAuditEvent): Line[] {
  const { promptTokens, completionTokens, cachedTokens, estimated } = event;
  if (promptTokens === undefined) return [];
  const tokens = [
    `${promptTokens} in`,
    `${completionTokens ?? 0} out`,
    ...(cachedTokens ? [`${cachedTokens} of the prompt cached`] : []),
    ...(estimated ? ["estimated"] : []),
  ];
  const used = units(event);
  return [
    { label: "Tokens", value: tokens.join(", ") },
    ...(used === undefined ? [] : [{ label: "Units", value: used }]),
    { label: "Cost", value: cost(event) ?? "none" },
  ];
}

function resultOf({ status, error }: ApiAuditEvent): string {
  return error === undefined ? String(status) : `${status} ${error}`;
}

/** The attempts of a call that needed several, one on each line. */
function attemptsText({ detail }: ApiAuditEvent): string {
  const attempts = detail?.["attempts"];
  if (!Array.isArray(attempts)) return "";
  const lines = attempts.filter(isObject).map((attempt, i) => {
    const { llm, status, error, durationMs, cause, host, said } = attempt;
    const result = [status, error].filter((part) => part !== undefined).map(plain);
    const words = [
      ...(typeof cause === "string" ? [causeText(cause)] : []),
      ...(typeof host === "string" ? [`at ${host}`] : []),
      ...(typeof said === "string" ? [`the provider said: ${said}`] : []),
    ];
    const time = typeof durationMs === "number" ? ` after ${span(durationMs)}` : "";
    const text = [`${i + 1}. ${plain(llm)}: ${result.join(" ")}${time}`, ...words].join("; ");
    return `  ${escapeLine(text)}\n`;
  });
  return `Attempts:\n${lines.join("")}`;
}
