/**
 * Parameters of argon2id: the minimum that OWASP recommends, 19 MiB and two passes
 * (cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). More would delay running calls.
 */
const parameters = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;

/** The hash of a random password. Logins of unknown users are compared with it, so that they take as long as others. */
const hashOfNobody =
  "$argon2id$v=19$m=19456,t=2,p=1$VvNRcoP3qjvQ0YUiDZ92CTgJuUQ+EJLJS+cgzZXnnL0$+PNp0zS2+4YI4oclw3QY/wgd32hGPfjPbkpnn6FIt+Q";

/** Hashes that are computed at a time, at most: a flood of logins must not use up the machine (T68). */
const slots = 2;
let busy = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (busy >= slots) await new Promise<void>((resolve) => waiting.push(resolve));
  else busy++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else busy--;
  }
}

/** Returns the argon2id hash of a password, with its parameters and salt. */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => Bun.password.hash(password, parameters));
}

/**
 * Returns true if a password is right.
 *
 * @param hash null where there is no user, or the user has no password: the result is false, after the same time
 */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  // Bun throws for an empty password and works for long on a very long one. Neither is ever right.
  const plausible = password.length > 0 && password.length <= 1024;
  const right = await inTurn(() => Bun.password.verify(plausible ? password : "-", hash ?? hashOfNobody));
  return right && plausible && hash !== null;
}
