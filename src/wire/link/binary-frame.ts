const channelBytes = 4;

/**
 * Encodes a binary frame: the channel of a task as 32 bits, big-endian, then bytes of its response as the provider sent
 * them.
 */
export function encodeBytes(channel: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(channelBytes + bytes.length);
  // A DataView would allocate a buffer for each frame.
  frame[0] = channel >>> 24;
  frame[1] = channel >>> 16;
  frame[2] = channel >>> 8;
  frame[3] = channel;
  frame.set(bytes, channelBytes);
  return frame;
}

/**
 * Decodes a binary frame.
 *
 * @returns the channel and a view of the bytes; undefined if the frame is too short
 */
export function decodeBytes(frame: Uint8Array): { channel: number; bytes: Uint8Array } | undefined {
  if (frame.length < channelBytes) return undefined;
  const channel = ((frame[0]! << 24) | (frame[1]! << 16) | (frame[2]! << 8) | frame[3]!) >>> 0;
  return { channel, bytes: frame.subarray(channelBytes) };
}
