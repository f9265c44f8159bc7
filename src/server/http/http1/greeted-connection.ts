import { timingSafeEqual } from "node:crypto";
import type { Socket } from "bun";
import { type ConnectionHost, ServerConnection } from "./server-connection.ts";

/** The most bytes of a greeting: the secret, an address and a port. */
const longest = 200;
const lineFeed = 10;

/** Returns the first line of a connection of a worker: a secret of the process, and where its caller is. */
export function greetingOf(
  secret: string,
  { address, port }: Pick<ServerConnection, "address" | "port">,
): Buffer {
  return Buffer.from(`${secret} ${address ?? "-"} ${port}\n`);
}

/**
 * A connection of a worker, which passes on what a caller sends to it. Its first line says where the caller is. Other
 * programs of this machine can reach the port as well: a connection with another first line is closed (T310).
 */
export class GreetedConnection extends ServerConnection {
  readonly #secret: Buffer;
  #early: Buffer | undefined;
  #address: string | undefined;
  #isGreeted = false;

  constructor(socket: Socket<ServerConnection>, host: ConnectionHost, secret: string) {
    super(socket, host);
    this.#secret = Buffer.from(secret);
  }

  override get address(): string | undefined {
    return this.#address;
  }

  override received(bytes: Buffer): void {
    if (this.#isGreeted) return super.received(bytes);
    const all = this.#early ? Buffer.concat([this.#early, bytes]) : bytes;
    const end = all.indexOf(lineFeed);
    if (end < 0 && all.length <= longest) {
      this.#early = all;
      return;
    }
    const [secret = "", address, port] = all
      .toString("latin1", 0, Math.max(0, Math.min(end, longest)))
      .split(" ");
    const given = Buffer.from(secret);
    if (given.length !== this.#secret.length || !timingSafeEqual(given, this.#secret)) return this.destroy();
    this.#isGreeted = true;
    this.#early = undefined;
    this.#address = address === "-" ? undefined : address;
    this.port = Number(port);
    if (all.length > end + 1) super.received(all.subarray(end + 1));
  }
}
