/** Words of servers for a session that they do not know. There is no code for it. */
const words =
  /\bsession\b.{0,40}\b(?:not found|unknown|invalid|expired|terminated|closed|missing|does not exist|required)|\b(?:no|unknown|invalid|missing|expired)\b.{0,20}\bsession\b|server not initialized/i;

/** True if a server says with these words that it does not know the session any more. */
export function saysSessionIsLost(text: string): boolean {
  return words.test(text);
}
