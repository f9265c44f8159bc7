/**
 * The ways in which people write a reference to a secret, or to a key of each user: `secret://gh/token`, `secret:gh/token`,
 * `${secrets.GH}`, `user://token`.
 */
const mention =
  /\b(?:secret|user):\/\/|^secrets?:[\w.-]+\/|[$%]\{\{?\s*secrets?\s*[:.]|\{\{\s*secrets?\s*[:.]/i;

/**
 * True if a text refers to a secret, or a key of each user, in words that mean nothing where the text stands: it would be used as it is, and
 * would be sent to a program or to another host instead of the value.
 */
export function mentionsSecret(text: string): boolean {
  return mention.test(text);
}
