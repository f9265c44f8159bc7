import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import { imageOf } from "../image-part.ts";
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

/** Marks of prompt caches. OpenAI caches by itself. */
const marks = ["cache_control", "prompt_cache_breakpoint"];

/**
 * Translates the content of a user or of a tool's result: text, images, files. Empty text is left out.
 *
 * @param isHistory True where a part without a counterpart becomes words instead of a refusal.
 * @throws AppError `invalid_request`
 */
export function inputParts(content: unknown, path: string, isHistory: boolean): Fields[] {
  if (!isGiven(content)) return [];
  if (typeof content === "string") return content === "" ? [] : [{ type: "input_text", text: content }];
  return listAt(content, path).flatMap((value, index) => {
    const at = `${path}/${index}`;
    const part = objectAt(value, at);
    if (part.type === "text" && part.text === "") return [];
    return [isHistory ? partOrWords(part, at) : partOf(part, at)];
  });
}

/** Returns the parts of an earlier answer. Clients add fields to them, and parts that are no text say nothing. */
export function outputParts({ content, refusal }: Fields): Fields[] {
  const parts = typeof content === "string" ? [{ text: content }] : Array.isArray(content) ? content : [];
  return [...parts.filter(isObject), { refusal }].flatMap((part: Fields): Fields[] => {
    if (typeof part.text === "string" && part.text !== "") return [{ type: "output_text", text: part.text }];
    if (typeof part.refusal !== "string" || part.refusal === "") return [];
    return [{ type: "refusal", refusal: part.refusal }];
  });
}

/** Returns content that must be text, of a system message. Throws AppError `invalid_request`. */
export function textOfParts(content: unknown, path: string): string {
  return inputParts(content, path, false)
    .map(({ type, text }, index) => {
      if (type === "input_text") return text;
      throw refused(`${path}/${index}/type`, "a message of this role can only hold text");
    })
    .join("\n\n");
}

function partOrWords(part: Fields, path: string): Fields {
  try {
    return partOf(part, path);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { type: "input_text", text: `[A part of type ${quoted(part.type)} that this model cannot read.]` };
  }
}

function partOf(part: Fields, path: string): Fields {
  switch (part.type) {
    case "text":
      refuseOthers(part, path, ["type", "text", ...marks]);
      return { type: "input_text", text: textAt(part.text, `${path}/text`) };
    case "image_url": {
      refuseOthers(part, path, ["type", "image_url", ...marks]);
      const image = imageOf(part.image_url, `${path}/image_url`);
      refuseOthers(image, `${path}/image_url`, ["url", "detail"]);
      return {
        type: "input_image",
        image_url: textAt(image.url, `${path}/image_url/url`),
        detail: image.detail ?? "auto",
      };
    }
    case "file": {
      refuseOthers(part, path, ["type", "file", ...marks]);
      const file = objectAt(part.file, `${path}/file`);
      refuseOthers(file, `${path}/file`, ["file_data", "file_url", "file_id", "filename"]);
      // Some clients write a link where the content stands.
      const { file_data, ...rest } = file;
      const isLink = typeof file_data === "string" && /^https:/i.test(file_data);
      return { type: "input_file", ...rest, ...(isLink ? { file_url: file_data } : { file_data }) };
    }
    default:
      throw refused(
        `${path}/type`,
        `a content part of type ${quoted(part.type)} cannot be sent to this llm's provider`,
      );
  }
}
