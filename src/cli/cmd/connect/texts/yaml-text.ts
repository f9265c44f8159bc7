import { isMap, isScalar, type Pair, parseDocument, type Scalar, stringify } from "yaml";
import { AppError } from "../../../../errors.ts";
import { isObject } from "../../../../wire/json.ts";

/** Parses YAML whose root is a map. Throws AppError `invalid_request` with the line of the first fault. */
export function parseYaml(text: string): Record<string, unknown> {
  const document = parseDocument(text);
  const [fault] = document.errors;
  if (fault) throw new AppError("invalid_request", `is not YAML: ${fault.message.split("\n")[0]}`);
  const values: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
  if (isObject(values)) return values;
  throw new AppError("invalid_request", "the file is not a map");
}

/** Sets a scalar at the root of a text that is valid YAML. All else stays as it is, byte by byte. */
export function setRootScalar(text: string, key: string, value: unknown): string {
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  const written = stringify(value).trimEnd();
  const node = pairOf(text, key)?.value;
  if (isScalar(node) && node.range) {
    const [start, end] = node.range;
    // A key without a value has no space after it.
    const gap = start === end && text[start - 1] === ":" ? " " : "";
    return text.slice(0, start) + gap + written + text.slice(end);
  }
  const gap = text === "" || text.endsWith("\n") ? "" : lineEnd;
  return `${text}${gap}${stringify(key).trimEnd()}: ${written}${lineEnd}`;
}

/** Removes a scalar at the root of a text. All else stays as it is, byte by byte. */
export function removeRootScalar(text: string, key: string): string {
  const pair = pairOf(text, key);
  if (!isScalar(pair?.key) || !isScalar(pair.value) || !pair.key.range || !pair.value.range) return text;
  const start = text.lastIndexOf("\n", pair.key.range[0]) + 1;
  const end = text.indexOf("\n", pair.value.range[1]);
  return text.slice(0, start) + (end === -1 ? "" : text.slice(end + 1));
}

function pairOf(text: string, key: string): Pair | undefined {
  const { contents } = parseDocument(text);
  return isMap(contents)
    ? (contents.items.find((pair) => isScalar(pair.key) && (pair.key as Scalar).value === key) as
        | Pair
        | undefined)
    : undefined;
}
