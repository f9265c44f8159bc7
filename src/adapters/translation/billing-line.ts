/**
 * Returns true for the block with which Claude Code begins its system prompt for Anthropic's books. It changes with every
 * request, so that another provider's prompt cache would never hold (case 108).
 */
export function isBillingLine(text: unknown): boolean {
  return typeof text === "string" && text.startsWith("x-anthropic-billing-header:");
}
