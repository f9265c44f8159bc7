import { AppError } from "../errors.ts";

/** A field of a form with files, and the place of its value in the bytes: [start, end). */
export interface FormField {
  name: string;
  isFile: boolean;
  start: number;
  end: number;
}

/** A form with files, as a client sent it. */
export interface ScannedForm {
  bytes: Uint8Array;
  boundary: string;
  fields: readonly FormField[];
}

/** The most fields of a form. */
export const maxFields = 128;
/** The most bytes of the headers of one field. */
export const maxHeadBytes = 4 * 1024;
/** A longer value is not read by this server. Bytes. */
const maxReadBytes = 64 * 1024;

/** A boundary without quotes needs no more characters. RFC 2046 allows some more. */
const boundaryPattern =
  /^multipart\/form-data\s*;\s*boundary=(?:"([\w'()+,./:=? -]{1,70})"|([\w'+.-]{1,70}))$/i;
const disposition =
  /^content-disposition: *form-data; *name="([\w.[\]-]{1,100})"(; *filename="([^"\r\n]*)")?(; *filename\*=[^;"\r\n]*)?$/i;
/** The other headers that a field may have. An encoding of the value would hide it. */
const otherHeader =
  /^(?:content-type: *[\x20-\x7e]*|content-length: *\d+|content-transfer-encoding: *(?:binary|8bit|7bit))$/i;

/**
 * Returns the boundary in the content type of a form.
 *
 * @throws AppError `unsupported_media_type`
 */
export function formBoundary(contentType: string | null): string {
  const found = boundaryPattern.exec(contentType?.trim() ?? "");
  const boundary = found?.[1] ?? found?.[2];
  if (boundary !== undefined && !boundary.endsWith(" ")) return boundary;
  throw new AppError("unsupported_media_type", "the body must be a form with files", {
    hint: "send content-type: multipart/form-data with a boundary",
  });
}

/**
 * Finds the fields of a form with files. Only the plain form that SDKs and browsers send is accepted: a provider that
 * reads a form in another way than this server could see another model (T127).
 *
 * @throws AppError `invalid_request`
 */
export function scanForm(body: Uint8Array, boundary: string): ScannedForm {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const mark = Buffer.from(`--${boundary}`);
  const fields: FormField[] = [];
  if (bytes.indexOf(mark) !== 0) throw refusedForm("the form does not begin with its boundary");
  let at = mark.length;
  while (bytes.toString("latin1", at, at + 2) === "\r\n") {
    if (fields.length === maxFields) throw refusedForm(`the form has more than ${maxFields} fields`);
    const headStart = at + 2;
    const headEnd = bytes.subarray(0, headStart + maxHeadBytes).indexOf("\r\n\r\n", headStart);
    if (headEnd < 0) throw refusedForm("the headers of a field are not complete, or too long");
    const start = headEnd + 4;
    // A boundary stands nowhere but between two fields: other readers may take a bare line feed for the end of a line.
    const next = bytes.indexOf(mark, start - 2);
    if (next < start + 2 || bytes.toString("latin1", next - 2, next) !== "\r\n")
      throw refusedForm("a field of the form does not end with the boundary");
    const { name, fileName } = fieldIn(bytes.toString("latin1", headStart, headEnd));
    fields.push({ name, isFile: fileName !== undefined, start, end: next - 2 });
    at = next + mark.length;
  }
  if (!/^--(?:\r\n)?$/.test(bytes.toString("latin1", at, at + 5)))
    throw refusedForm("the form does not end with its boundary");
  return { bytes, boundary, fields };
}

/** The name of a field, and of its file if it is one. */
export interface FormHead {
  name: string;
  fileName: string | undefined;
}

/** Reads the headers of a field. Throws AppError `invalid_request`. */
export function fieldIn(head: string): FormHead {
  let field: FormHead | undefined;
  for (const line of head.split("\r\n")) {
    const named = disposition.exec(line);
    if (named && !field) field = { name: named[1]!, fileName: named[3] };
    else if (named || !otherHeader.test(line))
      throw refusedForm("a field of the form has a header that is not plain");
  }
  if (!field) throw refusedForm("a field of the form has no name");
  return field;
}

/** Returns the short fields of a form as a body. Throws AppError `invalid_request` unless there is one `model`. */
export function formBody({ bytes, fields }: ScannedForm): Record<string, unknown> {
  const models = fields.filter(({ name }) => name === "model");
  if (models.length !== 1 || models[0]!.isFile) {
    const message = models.length === 0 ? "model is required" : "model must be one text field";
    throw new AppError("invalid_request", message, { details: [{ path: "/model", message }] });
  }
  const body: Record<string, unknown> = Object.create(null);
  for (const { name, isFile, start, end } of fields)
    if (!isFile && end - start <= maxReadBytes) body[name] = readValue(name, bytes.subarray(start, end));
  return body;
}

/** Reads the value of a field. Two of them decide how a call is counted and answered, as in a JSON body. */
function readValue(name: string, bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  if (name === "stream") return text.toLowerCase() === "true" || text === "1";
  return name === "n" && /^\d{1,9}$/.test(text) ? Number(text) : text;
}

/** Returns the bytes of a form with another model, in parts: files are not copied. */
export function withModelInForm({ bytes, fields }: ScannedForm, model: string): Uint8Array[] {
  const { start, end } = fields.find(({ name }) => name === "model")!;
  return [bytes.subarray(0, start), new TextEncoder().encode(model), bytes.subarray(end)];
}

/** The error for a form that cannot be read. */
export function refusedForm(message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path: "", message }] });
}
