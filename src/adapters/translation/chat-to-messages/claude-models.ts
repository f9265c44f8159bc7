/** The version in a Claude model's name, as 406 for 4.6; undefined where there is none. */
export function claudeVersion(model: string): number | undefined {
  const found = /claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)/.exec(model);
  return found ? Number(found[1]) * 100 + Number(found[2] ?? 0) : undefined;
}

/** The longest answer that every model of a version gives, in tokens; undefined for models that are not Claude's. */
export function longestAnswer(model: string): number | undefined {
  const version = claudeVersion(model);
  if (version === undefined) return undefined;
  if (version >= 405 || version === 307) return 64_000;
  if (version >= 400) return 32_000;
  return version === 305 ? 8_192 : 4_096;
}

/** Whether a model takes `output_config.format`: all do but Claude before 4.5 (case 36). */
export function takesFormat(model: string): boolean {
  const version = claudeVersion(model);
  return version === undefined || version >= 405;
}
