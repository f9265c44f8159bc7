/** argon2id as OWASP's floor asks for: 19 MiB, two passes; 34 ms here, so that a login does not stall calls. */
const parameters = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;

/** The hash of a random password: an unknown user is compared with it, and so takes as long as a wrong password. */
const nobody =
  "$argon2id$v=19$m=19456,t=2,p=1$VvNRcoP3qjvQ0YUiDZ92CTgJuUQ+EJLJS+cgzZXnnL0$+PNp0zS2+4YI4oclw3QY/wgd32hGPfjPbkpnn6FIt+Q";

/** At most two at a time: a flood of logins must not take the machine (T68). */
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

export function hashPassword(password: string): Promise<string> {
  return inTurn(() => Bun.password.hash(password, parameters));
}

/** Whether a password is right. `hash` is null where there is no user or no password: false, after as long. */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  // An empty or overlong password makes Bun throw or work for long; neither is ever right.
  const plausible = password.length > 0 && password.length <= 1024;
  const right = await inTurn(() => Bun.password.verify(plausible ? password : "-", hash ?? nobody));
  return right && plausible && hash !== null;
}
