/** Memory in KiB and passes that a hash takes. */
export interface PasswordCost {
  memoryCost: number;
  timeCost: number;
}

/**
 * The minimum that OWASP recommends for argon2id, 19 MiB and two passes
 * (cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). More would delay running calls.
 */
const owaspMinimum: PasswordCost = { memoryCost: 19_456, timeCost: 2 };

/** Salt and hash of a random password. */
const saltAndHash = "VvNRcoP3qjvQ0YUiDZ92CTgJuUQ+EJLJS+cgzZXnnL0$+PNp0zS2+4YI4oclw3QY/wgd32hGPfjPbkpnn6FIt+Q";

/** Hashes that are computed at a time, at most: a flood of logins must not use up the machine (T68). */
const slots = 2;

/** Hashes passwords with argon2id, and compares them with hashes. */
export class Passwords {
  readonly #cost: PasswordCost;
  /** Logins of unknown users are compared with it, so that they take as long as others. */
  readonly #hashOfNobody: string;
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(cost = owaspMinimum) {
    this.#cost = cost;
    this.#hashOfNobody = `$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=1$${saltAndHash}`;
  }

  /** Returns the hash of a password, with its parameters and salt. */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => Bun.password.hash(password, { algorithm: "argon2id", ...this.#cost }));
  }

  /**
   * Returns true if a password is right.
   *
   * @param hash null where there is no user, or the user has no password: the result is false, after the same time
   */
  async verify(password: string, hash: string | null): Promise<boolean> {
    // Bun throws for an empty password and works for long on a very long one. Neither is ever right.
    const plausible = password.length > 0 && password.length <= 1024;
    const compared = hash ?? this.#hashOfNobody;
    const right = await this.#inTurn(() => Bun.password.verify(plausible ? password : "-", compared));
    return right && plausible && hash !== null;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy >= slots) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#busy++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy--;
    }
  }
}
