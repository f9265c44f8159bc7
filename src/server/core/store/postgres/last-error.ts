/** Type of the message ErrorResponse (postgresql.org/docs/current/protocol-message-formats.html). */
const errorResponse = 0x45;
/** The longest message that is looked for. */
const longest = 16 * 1024;

/**
 * Returns the error with which a server ended a connection: an ErrorResponse that is the last message. The driver has no
 * place for one that comes between two queries, and a pooler refuses most things there.
 *
 * @param chunk the last bytes that came
 */
export function lastError(chunk: Buffer): Error | undefined {
  for (let start = Math.max(0, chunk.length - longest); start + 5 < chunk.length; start++) {
    if (chunk[start] !== errorResponse || chunk.readInt32BE(start + 1) !== chunk.length - start - 1) continue;
    const fields = fieldsOf(chunk.subarray(start + 5).toString("utf8"));
    const severity = fields.get("V") ?? fields.get("S");
    const code = fields.get("C");
    const message = fields.get("M");
    if (severity && code && message) return Object.assign(new Error(message), { code, severity });
  }
  return undefined;
}

/** Reads fields, each of which is a letter, a text and a zero. */
function fieldsOf(text: string): Map<string, string> {
  const fields = text.split("\0").filter((field) => field !== "");
  return new Map(fields.map((field) => [field[0]!, field.slice(1)]));
}
