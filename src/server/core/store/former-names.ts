/** Kinds whose ids the audit log and the usage have, and the llms, servers and projects that they name. */
const kinds = new Set(["user", "token", "llm", "agent", "server", "project"]);

/** True if the name of a row of a kind is kept when the row is deleted. */
export function isNamedInRecords(kind: string): boolean {
  return kinds.has(kind);
}
