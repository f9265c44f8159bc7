import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import { imageOf } from "../image-part.ts";
import {
  type Fields,
  isEmpty,
  isGiven,
  listAt,
  objectAt,
  quoted,
  refused,
  refuseOthers,
  textAt,
} from "../request-fields.ts";

/** A content block of Anthropic messages. */
export type Block = { type: string } & Fields;

/** Fields that mark the end of the cached part of a prompt: Anthropic's name and OpenAI's. */
const marks = ["cache_control", "prompt_cache_breakpoint"];

const known = {
  text: ["type", "text", ...marks],
  refusal: ["type", "refusal"],
  image: ["type", "image_url", ...marks],
  imageUrl: ["url", "detail"],
  file: ["type", "file", ...marks],
  fileData: ["file_data", "file_url", "filename"],
};

/** The beginning of every PDF, in base64. */
const pdfStart = "JVBERi0";

const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/** Translates content of a user: text, images, files. Empty text is left out: Anthropic refuses it (case 2). */
export function contentBlocks(content: unknown, path: string): Block[] {
  if (!isGiven(content)) return [];
  if (typeof content === "string") return textBlock(content);
  return listAt(content, path).flatMap((part, index) =>
    partBlocks(objectAt(part, `${path}/${index}`), `${path}/${index}`),
  );
}

/** Translates content of the history: a part without a counterpart becomes words. */
export function blocksOrWords(content: unknown, path: string): Block[] {
  if (!Array.isArray(content)) return contentBlocks(content, path);
  return content.filter(isObject).flatMap((part, index) => {
    try {
      return partBlocks(part, `${path}/${index}`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return textBlock(`[A part of type ${quoted(part.type)} that this model cannot read.]`);
    }
  });
}

/** Translates the content of an earlier answer. Clients add fields to its parts, and parts that are no text say nothing. */
export function answerBlocks(content: unknown, path: string): Block[] {
  if (!Array.isArray(content)) return textBlocks(content, path);
  return content.filter(isObject).flatMap((part) => {
    const { text, refusal } = part;
    return typeof text === "string"
      ? textBlock(text, part)
      : typeof refusal === "string"
        ? textBlock(refusal)
        : [];
  });
}

/** Translates content that must be text: of a system message or of an assistant's message. */
export function textBlocks(content: unknown, path: string): Block[] {
  const blocks = contentBlocks(content, path);
  const other = blocks.find(({ type }) => type !== "text");
  if (other) throw refused(path, `a message of this role cannot hold a part of type ${other.type}`);
  return blocks;
}

function partBlocks(part: Fields, path: string): Block[] {
  switch (part.type) {
    case "text":
      refuseOthers(part, path, known.text, { annotations: isEmpty, logprobs: isEmpty });
      return textBlock(textAt(part.text, `${path}/text`), part);
    case "refusal":
      refuseOthers(part, path, known.refusal);
      return textBlock(textAt(part.refusal, `${path}/refusal`));
    case "image_url": {
      refuseOthers(part, path, known.image);
      const image = imageOf(part.image_url, `${path}/image_url`);
      refuseOthers(image, `${path}/image_url`, known.imageUrl);
      return [{ ...imageBlock(textAt(image.url, `${path}/image_url/url`), path), ...cacheControl(part) }];
    }
    case "file":
      refuseOthers(part, path, known.file);
      return [{ ...fileBlock(objectAt(part.file, `${path}/file`), `${path}/file`), ...cacheControl(part) }];
    default:
      throw refused(
        `${path}/type`,
        `a content part of type ${quoted(part.type)} cannot be sent to this llm's provider`,
      );
  }
}

/** Translates an https link or a data URL. `detail` controls OpenAI's own scaling and is ignored (case 19). */
function imageBlock(url: string, path: string): Block {
  if (/^https:/i.test(url)) return { type: "image", source: { type: "url", url } };
  const data = parseDataUrl(url);
  if (!data) throw refused(`${path}/image_url/url`, "an image must be an https link or a base64 data URL");
  if (data.mediaType === "application/pdf") return documentBlock(data);
  const mediaType = data.mediaType === "image/jpg" ? "image/jpeg" : data.mediaType;
  if (!imageTypes.includes(mediaType)) {
    throw refused(
      `${path}/image_url/url`,
      `an image must be ${imageTypes.join(", ")}, not ${quoted(mediaType)}`,
    );
  }
  return { type: "image", source: { type: "base64", media_type: mediaType, data: data.data } };
}

/**
 * Translates a file: a data URL, the bare base64 of a PDF, or a link, which some clients write in `file_data`. A file
 * that OpenAI keeps cannot be read (case 206).
 */
function fileBlock(file: Fields, path: string): Block {
  if (isGiven(file.file_id) && !isGiven(file.file_data))
    throw refused(
      `${path}/file_id`,
      "a file_id names a file that OpenAI keeps, and this llm's provider cannot read it; send file_data",
    );
  refuseOthers({ ...file, file_id: undefined }, path, known.fileData);
  const title = isGiven(file.filename) && { title: textAt(file.filename, `${path}/filename`) };
  const field = isGiven(file.file_url) ? "file_url" : "file_data";
  const given = textAt(file[field], `${path}/${field}`);
  if (/^https:/i.test(given)) return { type: "document", source: { type: "url", url: given }, ...title };
  const data = given.startsWith(pdfStart)
    ? { mediaType: "application/pdf", data: given }
    : parseDataUrl(given);
  if (data?.mediaType === "application/pdf") return { ...documentBlock(data), ...title };
  if (data?.mediaType.startsWith("text/") || data?.mediaType === "application/json") {
    const text = Buffer.from(data.data, "base64").toString();
    return { type: "document", source: { type: "text", media_type: "text/plain", data: text }, ...title };
  }
  throw refused(
    `${path}/${field}`,
    "a file must be a base64 data URL of application/pdf or text, or an https link to a PDF",
  );
}

function documentBlock({ mediaType, data }: DataUrl): Block {
  return { type: "document", source: { type: "base64", media_type: mediaType, data } };
}

interface DataUrl {
  mediaType: string;
  /** Base64. */
  data: string;
}

/** Reads `data:image/png;charset=x;base64,…` (case 15). Returns undefined for anything but base64. */
function parseDataUrl(url: string): DataUrl | undefined {
  const comma = url.indexOf(",");
  const [mediaType, ...parameters] = url.slice(0, comma).toLowerCase().split(";");
  if (!mediaType?.startsWith("data:") || parameters.at(-1) !== "base64") return undefined;
  return { mediaType: mediaType.slice("data:".length), data: url.slice(comma + 1) };
}

function textBlock(text: string, part: Fields = {}): Block[] {
  return text.trim() === "" ? [] : [{ type: "text", text, ...cacheControl(part) }];
}

/**
 * Returns the mark of the prompt cache on a part, message, tool or call. OpenAI's caches last half an hour or more where
 * the request asks for that; Anthropic's last five minutes or an hour.
 */
export function cacheControl(fields: Fields): Fields {
  if (isGiven(fields.cache_control)) return { cache_control: fields.cache_control };
  if (!isGiven(fields.prompt_cache_breakpoint)) return {};
  const { ttl } = fields.prompt_cache_breakpoint as { ttl?: unknown };
  return { cache_control: { type: "ephemeral", ...(isGiven(ttl) && { ttl: "1h" }) } };
}
