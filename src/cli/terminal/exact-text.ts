import { AppError } from "../../errors.ts";

/**
 * The text in some bytes, not one character of it changed: a byte order mark stays.
 *
 * @param source the name of the file, for the error
 * @throws AppError of the given code if the bytes are not UTF-8: other programs would read another text
 */
export function exactText(bytes: Uint8Array, source: string, code: "usage" | "invalid_request"): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new AppError(code, `${source} is not UTF-8 text`, {
      cause,
      hint: isUtf16(bytes) ? "it is UTF-16, as PowerShell writes it: save it as UTF-8" : "save it as UTF-8",
    });
  }
}

function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}
