import { isObject } from "../../wire/json.ts";
import type { ProviderRefusal } from "./correction.ts";
import type { Quirks } from "./types.ts";

const unsupported =
  /(?:not|n't|no longer) (?:support|available|permitted|allowed)|unsupported|unrecognized|unexpected/i;

/**
 * Returns the quirk that a refusal of thinking or of an effort teaches about a model of messages (case 200); undefined if
 * it is about something else. Claude Code knows the models of Anthropic by their names, and asks one with another name
 * for the thinking of the newest.
 */
export function thinkingCorrectionOf({
  status,
  message,
  sent,
}: Pick<ProviderRefusal, "status" | "message" | "sent">): Quirks | undefined {
  if (status !== 400 && status !== 422) return undefined;
  const words = message.slice(0, 2_000);
  // Blocks of the history are another matter.
  if (/messages[.[]\d/.test(words)) return undefined;
  const { thinking, output_config: output } = sent;
  const hasEffort = isObject(output) && output.effort !== undefined;
  if (hasEffort && /\beffort\b/.test(words) && unsupported.test(words) && !/adaptive/.test(words))
    return { efforts: [] };
  if (!isObject(thinking) || thinking.type === "disabled" || !/thinking/i.test(words)) return undefined;
  if (thinking.type === "adaptive") {
    if (isAboutForm(words, "adaptive", "enabled")) return { thinkingForms: ["enabled"] };
  } else if (isAboutForm(words, "enabled", "adaptive")) return { thinkingForms: ["adaptive"] };
  return unsupported.test(words) ? { thinkingForms: [] } : undefined;
}

/** True if a refusal is about one form of thinking, or names the other one in its place. */
function isAboutForm(words: string, form: string, other: string): boolean {
  const quoted = new RegExp(`thinking[\\s\\S]*(?:["'\`.])${other}\\b`, "i").test(words);
  const named = new RegExp(`thinking\\.type\\.${form}|\\b${form} thinking\\b`, "i").test(words);
  return quoted || (named && unsupported.test(words));
}
