/** Bytes of a second of sound whose length its head does not tell: mostly speech in m4a, ogg or webm. */
const usualBytes = 6_000;
/** The fewest bytes of a second of mp3: 8 kbit/s. They count where a file has no frame in sight. */
const leastMp3Bytes = 1_000;

/**
 * Returns the length of a file of sound in seconds: of WAV and mp3 as a decoder finds it, of others by an estimate from the
 * size. What a caller can write into a head without a change of the sound does not count (T347).
 */
export function soundLength(sound: Buffer): number {
  if (startsWith(sound, "RIFF")) return wavLength(sound) ?? sound.length / usualBytes;
  const begin = startsWith(sound, "ID3") ? tagEnd(sound) : 0;
  const isMp3 = begin > 0 || frameAt(sound, 0) !== undefined;
  return isMp3 ? mp3Length(sound, begin) : sound.length / usualBytes;
}

/** The formats of WAV whose samples all have the same size: PCM, float, A-law, mu-law. */
const evenFormats = new Set([1, 3, 6, 7, 0xff_fe]);
/** The most chunks before that of the format. */
const mostChunks = 100;

/** Returns the length of a WAV file; undefined if its format does not tell. The bytes of a second that its head states are not read by decoders. */
function wavLength(sound: Buffer): number | undefined {
  for (let at = 12, chunks = 0; at + 24 <= sound.length && chunks < mostChunks; chunks++) {
    const size = sound.readUInt32LE(at + 4);
    if (startsWith(sound, "fmt ", at)) {
      const [format, channels] = [sound.readUInt16LE(at + 8), sound.readUInt16LE(at + 10)];
      const [rate, bits] = [sound.readUInt32LE(at + 12), sound.readUInt16LE(at + 22)];
      const perSecond = (rate * channels * bits) / 8;
      return evenFormats.has(format) && perSecond >= 1_000 ? sound.length / perSecond : undefined;
    }
    at += 8 + size + (size % 2);
  }
  return undefined;
}

/** In kbit/s by the version of MPEG: 1, or 2 and 2.5; layer III. */
const bitrates = {
  1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const sampleRates = [44_100, 48_000, 32_000];

/** Returns the bytes and seconds of the frame of mp3 at a place; undefined if there is none. */
function frameAt(sound: Buffer, at: number): { bytes: number; seconds: number } | undefined {
  if (at + 4 > sound.length || sound[at] !== 0xff || (sound[at + 1]! & 0xe6) !== 0xe2) return undefined;
  // Versions: 0 is 2.5, 2 is 2, 3 is 1.
  const version = (sound[at + 1]! >> 3) & 3;
  const kilobits = bitrates[version === 3 ? 1 : 2][sound[at + 2]! >> 4] ?? 0;
  const base = sampleRates[(sound[at + 2]! >> 2) & 3];
  if (version === 1 || kilobits === 0 || base === undefined) return undefined;
  const rate = base / { 3: 1, 2: 2, 0: 4 }[version as 0 | 2 | 3];
  const samples = version === 3 ? 1152 : 576;
  const padding = (sound[at + 2]! >> 1) & 1;
  return { bytes: Math.floor((samples / 8) * ((kilobits * 1000) / rate)) + padding, seconds: samples / rate };
}

/** The most frames, and places without one, that are looked at: it must not take long. What is left counts as 8 kbit/s. */
const mostFrames = 400_000;
const mostGaps = 10_000;

/** Adds the frames of an mp3 up. Bytes between frames are skipped, as a decoder does. */
function mp3Length(sound: Buffer, begin: number): number {
  let seconds = 0;
  let at = begin;
  for (let gaps = 0, frames = 0; at < sound.length; ) {
    if (gaps > mostGaps || frames > mostFrames) return seconds + (sound.length - at) / leastMp3Bytes;
    const frame = frameAt(sound, at);
    if (frame) {
      frames++;
      seconds += frame.seconds;
      at += frame.bytes;
    } else {
      gaps++;
      const next = sound.indexOf(0xff, at + 1);
      at = next < 0 ? sound.length : next;
    }
  }
  return seconds > 0 ? seconds : sound.length / leastMp3Bytes;
}

/** Returns the end of an ID3 tag: its size has seven bits in a byte. */
function tagEnd(sound: Buffer): number {
  let size = 0;
  for (const byte of sound.subarray(6, 10)) size = size * 128 + (byte & 127);
  return 10 + size;
}

function startsWith(sound: Buffer, text: string, at = 0): boolean {
  return sound.toString("latin1", at, at + text.length) === text;
}
