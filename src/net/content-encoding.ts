import { pipeline } from "node:stream/promises";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import { AppError } from "../errors.ts";
import { joinedChunks } from "../wire/joined-chunks.ts";
import { Pieces } from "../wire/pieces.ts";

export type Decoder = ReturnType<typeof createGunzip>;

/** The largest window of zstd in HTTP, as a power of two: 8 MB (https://www.rfc-editor.org/rfc/rfc9659). */
const zstdWindow = 23;

/** The decoders by the value of `content-encoding`. Each takes the first byte of the body. */
const decoders: Readonly<Record<string, (first: number) => Decoder>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  br: () => createBrotliDecompress() as unknown as Decoder,
  zstd: () =>
    createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindow } }) as unknown as Decoder,
  // With or without the two bytes of zlib: programs send both (RFC 9110 section 8.4.1.2).
  deflate: (first) => ((first & 15) === 8 ? createInflate() : createInflateRaw()),
};

/** The encodings that are accepted, for errors. */
const accepted = "gzip, br, zstd or deflate";

/** So many bytes may come out of a body, however small it is. */
export const freeBytes = 1024 * 1024;
/** A larger output is at most so many times as large as its input. Text of conversations shrinks to a tenth. */
export const maxRatio = 200;

/** The first bytes of JSON and of an event stream. */
const plainBytes: ReadonlySet<number> = new Set(Buffer.from("{[:dei"));
/** The encodings whose bodies never begin like that. */
const marked: readonly string[] = ["gzip", "x-gzip", "zstd"];

/** Returns the value of `content-encoding` in lower case; undefined where it says that nothing is encoded. */
export function encodingOf(header: string | null | undefined): string | undefined {
  if (!header) return undefined;
  const encoding = header.trim().toLowerCase();
  return encoding === "" || encoding === "identity" ? undefined : encoding;
}

/** Returns true if the headers of a request state that its body is compressed. */
export function isCompressed(headers: Pick<Headers, "get">): boolean {
  return encodingOf(headers.get("content-encoding")) !== undefined;
}

/**
 * Returns a function that makes the decoder of an encoding; undefined for an encoding that is not known, and for a body that
 * begins as JSON or an event stream although it is called compressed.
 *
 * @param first the first byte of the body, where it is known
 */
export function decoderFor(encoding: string, first?: number): (() => Decoder) | undefined {
  const make = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined;
  if (!make || (first !== undefined && marked.includes(encoding) && plainBytes.has(first))) return undefined;
  return () => make(first ?? 0);
}

/**
 * Reads a compressed body. It is decompressed piece by piece, and no further once it exceeds a limit (T62).
 *
 * @param most the most bytes, compressed as well as decompressed
 * @param tooLarge makes the error for a body that is larger
 * @param onLarge called while there is more than 1 MB: nothing is decompressed until it returns
 * @throws AppError `unsupported_media_type` for an encoding that is not known, or for several; `invalid_request` for
 *   bytes that are not in the encoding
 */
export async function inflatedBody(
  { headers, body }: Pick<Request, "body"> & { headers: Pick<Headers, "get"> },
  most: number,
  tooLarge: () => AppError,
  onLarge?: () => Promise<void> | undefined,
): Promise<Buffer> {
  const encoding = encodingOf(headers.get("content-encoding"))!;
  if (!decoderFor(encoding))
    throw new AppError("unsupported_media_type", "the content-encoding of the body is not accepted", {
      hint: `send ${accepted}, or no content-encoding`,
    });
  const inflated = new Pieces();
  let received = 0;
  const input = joinedChunks(body ?? new Blob([]).stream());
  const { value: first } = await input.next();
  async function* rest(): AsyncGenerator<Uint8Array> {
    for (let piece = first; piece !== undefined; { value: piece } = await input.next()) {
      received += piece.length;
      if (received > most) throw tooLarge();
      yield piece;
    }
  }
  const decoder = decoders[encoding]!(first?.[0] ?? 0);
  try {
    await pipeline(rest, decoder, async (output: AsyncIterable<Uint8Array>) => {
      for await (const piece of output) {
        inflated.add(piece);
        const { length } = inflated;
        if (length > most) throw tooLarge();
        if (length > freeBytes && length > maxRatio * received) throw tooDense();
        if (length > freeBytes) await onLarge?.();
      }
    });
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code } = error as { code?: unknown };
    // Errors of the decoders have codes such as Z_DATA_ERROR and ERR__ERROR_FORMAT_PADDING_1; others come from the caller's connection.
    if (typeof code === "string" && /^(Z|ERR|ZSTD)_/.test(code)) throw notEncoded(encoding, error);
    throw error;
  }
  return inflated.takeInTurns();
}

function tooDense(): AppError {
  return new AppError("payload_too_large", `the body becomes more than ${maxRatio} times as large`, {
    hint: "send it without content-encoding",
  });
}

function notEncoded(encoding: string, cause: unknown): AppError {
  return new AppError("invalid_request", `the body is not in its content-encoding, ${encoding}`, { cause });
}
