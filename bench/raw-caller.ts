import type { Socket } from "bun";

/** Whoever calls a provider that speaks HTTP over the bare socket. */
export interface RawCaller {
  readonly socket: Pick<Socket<unknown>, "write">;
  /** A request that has not come whole. */
  part: PartialRequest | undefined;
  /** Bytes that the socket has not taken yet. */
  unsent: Buffer | undefined;
}

interface PartialRequest {
  pieces: Buffer[];
  /** Bytes after which it is worth reading: of a request whose head has come, all that are missing. */
  missing: number;
}

/** Writes behind what the socket has not taken yet. */
export function write(caller: RawCaller, bytes: Buffer): void {
  const all = caller.unsent ? Buffer.concat([caller.unsent, bytes]) : bytes;
  const written = Math.max(0, caller.socket.write(all));
  caller.unsent = written < all.length ? all.subarray(written) : undefined;
}

/** Takes what has come. Returns the request, head and body, when it is whole. A long one is read once, at its end. */
export function wholeRequest(caller: RawCaller, bytes: Buffer): { text: string; body: string } | undefined {
  const { part } = caller;
  if (part && part.missing > bytes.length) {
    part.pieces.push(bytes);
    part.missing -= bytes.length;
    return undefined;
  }
  const all = part ? Buffer.concat([...part.pieces, bytes]) : bytes;
  const text = all.toString("latin1");
  const head = text.indexOf("\r\n\r\n");
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
  const missing = head < 0 ? 1 : head + 4 + length - text.length;
  caller.part = missing > 0 ? { pieces: [all], missing } : undefined;
  return missing > 0 ? undefined : { text, body: text.slice(head + 4) };
}
