const channelBytes = 4;

/** A binary frame: the task's channel as 32 bits, big end first, and bytes of its answer as the provider sent them. */
export function encodeBytes(channel: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(channelBytes + bytes.length);
  // Not by a DataView: for each of them the engine would have to make a buffer of its own for the array.
  frame[0] = channel >>> 24;
  frame[1] = channel >>> 16;
  frame[2] = channel >>> 8;
  frame[3] = channel;
  frame.set(bytes, channelBytes);
  return frame;
}

/** A binary frame taken apart; undefined when it is too short to be one. The bytes are a view of it. */
export function decodeBytes(frame: Uint8Array): { channel: number; bytes: Uint8Array } | undefined {
  if (frame.length < channelBytes) return undefined;
  const channel = ((frame[0]! << 24) | (frame[1]! << 16) | (frame[2]! << 8) | frame[3]!) >>> 0;
  return { channel, bytes: frame.subarray(channelBytes) };
}
