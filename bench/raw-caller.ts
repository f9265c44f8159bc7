import type { Socket } from "bun";

/** Whoever calls a provider that speaks HTTP over the bare socket. */
export interface RawCaller {
  readonly socket: Pick<Socket<unknown>, "write">;
  /** A request that has not come whole. */
  part: string;
  /** Bytes that the socket has not taken yet. */
  unsent: Buffer | undefined;
}

/** Writes behind what the socket has not taken yet. */
export function write(caller: RawCaller, bytes: Buffer): void {
  const all = caller.unsent ? Buffer.concat([caller.unsent, bytes]) : bytes;
  const written = Math.max(0, caller.socket.write(all));
  caller.unsent = written < all.length ? all.subarray(written) : undefined;
}

/** Takes what has come. Returns the request, head and body, when it is whole. */
export function wholeRequest(caller: RawCaller, bytes: Buffer): { text: string; body: string } | undefined {
  const text = caller.part + bytes.toString("latin1");
  const head = text.indexOf("\r\n\r\n");
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
  const isWhole = head >= 0 && text.length >= head + 4 + length;
  caller.part = isWhole ? "" : text;
  return isWhole ? { text, body: text.slice(head + 4) } : undefined;
}
