import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import { linkedFile } from "../file-urls.ts";
import {
  type Fields,
  isGiven,
  listAt,
  objectAt,
  quoted,
  refused,
  refuseOthers,
  textAt,
} from "../request-fields.ts";

/** A part of a chat message. */
export type ItemPart = { type: string } & Fields;

/**
 * Translates the content of an item to parts of a chat message: text, images, files, sound.
 *
 * @throws AppError `invalid_request`
 */
export function partsOf(content: unknown, path: string): ItemPart[] {
  if (!isGiven(content)) return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  return listAt(content, path).map((part, index) =>
    partOf(objectAt(part, `${path}/${index}`), `${path}/${index}`),
  );
}

/** A mark of OpenAI's prompt cache, which is not content. */
const cacheMark = "prompt_cache_breakpoint";

/** Translates content of the history: a part without a counterpart becomes words. */
export function partsOrWords(content: unknown, path: string): ItemPart[] {
  if (isObject(content)) return [{ type: "text", text: JSON.stringify(content) }];
  if (!Array.isArray(content)) return partsOf(content, path);
  return content.filter(isObject).map((part, index) => {
    try {
      return partOf(part, `${path}/${index}`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { type: "text", text: `[A part of type ${quoted(part.type)} that this model cannot read.]` };
    }
  });
}

/** Returns the text of an earlier answer. Clients add fields to its parts, and parts that are no text say nothing. */
export function assistantText(content: unknown, path: string): string {
  if (!Array.isArray(content)) return textOf(content, path);
  return content
    .filter(isObject)
    .map(({ text, refusal }) =>
      typeof text === "string" ? text : typeof refusal === "string" ? refusal : "",
    )
    .join("");
}

/** Returns parts as chat content: one text is a string, which every provider reads. */
export function contentOf(parts: readonly ItemPart[]): unknown {
  return parts.length === 1 && parts[0]?.type === "text" ? parts[0].text : parts;
}

/**
 * Translates content that must be text. Several parts of an answer become one text; refusals are text too.
 *
 * @throws AppError `invalid_request`
 */
export function textOf(content: unknown, path: string): string {
  return partsOf(content, path)
    .map((part, index) => {
      if (part.type === "text") return part.text;
      throw refused(`${path}/${index}/type`, "a message of this role can only hold text");
    })
    .join("");
}

function partOf(part: Fields, path: string): ItemPart {
  switch (part.type) {
    case "input_text":
    case "text":
      refuseOthers(part, path, ["type", "text", cacheMark]);
      return { type: "text", text: textAt(part.text, `${path}/text`) };
    case "output_text":
      // Annotations and probabilities describe the text and are not part of it.
      refuseOthers(part, path, ["type", "text", "annotations", "logprobs"]);
      return { type: "text", text: textAt(part.text, `${path}/text`) };
    case "refusal":
      refuseOthers(part, path, ["type", "refusal"]);
      return { type: "text", text: textAt(part.refusal, `${path}/refusal`) };
    case "input_image":
      refuseFileId(part, path);
      refuseOthers(part, path, ["type", "image_url", "detail", cacheMark]);
      return {
        type: "image_url",
        image_url: {
          url: textAt(part.image_url, `${path}/image_url`),
          ...(isGiven(part.detail) && { detail: part.detail }),
        },
      };
    case "input_file":
      return filePart(part, path);
    case "input_audio":
      refuseOthers(part, path, ["type", "input_audio"]);
      return { type: "input_audio", input_audio: objectAt(part.input_audio, `${path}/input_audio`) };
    default:
      throw refused(
        `${path}/type`,
        `a content part of type ${quoted(part.type)} cannot be sent to this llm's provider`,
      );
  }
}

function filePart(part: Fields, path: string): ItemPart {
  refuseFileId(part, path);
  // The rendering of pages has no counterpart; auto asks for nothing.
  refuseOthers(part, path, ["type", "file_data", "file_url", "filename", cacheMark], {
    detail: (detail) => detail === "auto",
  });
  const filename = isGiven(part.filename) ? textAt(part.filename, `${path}/filename`) : undefined;
  if (isGiven(part.file_url)) return linkedFile(textAt(part.file_url, `${path}/file_url`), filename);
  const data = textAt(part.file_data, `${path}/file_data`);
  return { type: "file", file: { file_data: data, ...(filename !== undefined && { filename }) } };
}

function refuseFileId(part: Fields, path: string): void {
  if (isGiven(part.file_id)) {
    throw refused(`${path}/file_id`, "file_id is not supported: no files are stored here; send the content");
  }
}
