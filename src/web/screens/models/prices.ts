/** The price of an llm, in US dollars per million tokens. */
export interface LlmPriceLine {
  llm: string;
  rates: { input: number; output: number } | null;
  source: string;
  reason: string;
}

/** `$2.50 / $10`, `free`, or nothing that is known. */
export function priceText(line: LlmPriceLine | undefined): string {
  if (!line) return "";
  if (line.source === "free") return "free";
  return line.rates ? `$${line.rates.input} / $${line.rates.output}` : "not known";
}
