import { AppError } from "../errors.ts";

/** A value in a text of JSON with comments. Places are offsets in the text. */
interface Value {
  start: number;
  end: number;
  /** Of an object its members; of a list its elements, of which one with a `name` has the key `=NAME`. */
  members?: Member[];
  isList?: true;
}

interface Member {
  key: string;
  start: number;
  value: Value;
  /** The place of the comma after it. */
  comma?: number;
}

const maxDepth = 100;

/** Reads the places of all members. Throws AppError `invalid_request` with the line of the first fault. */
function scan(text: string): Value {
  let at = 0;
  const fail = (what: string): never => {
    const before = text.slice(0, at).split("\n");
    throw new AppError(
      "invalid_request",
      `line ${before.length}, column ${before.at(-1)!.length + 1}: ${what}`,
    );
  };
  /** Takes what a pattern matches here. */
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const skip = () => {
    while (take(/\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y));
  };
  const string = (): string => {
    const quoted = take(/"(?:[^"\\\n]|\\.)*"/y) ?? fail("a string was expected");
    try {
      return JSON.parse(quoted) as string;
    } catch {
      return fail("the string before this place is not valid");
    }
  };
  const list = (close: string, read: () => (comma: number) => void) => {
    at++;
    for (skip(); text[at] !== close; skip()) {
      const onComma = read();
      skip();
      if (text[at] === ",") onComma(at++);
      else if (text[at] !== close) fail(`a comma or ${close} was expected`);
    }
    at++;
  };
  const value = (depth: number): Value => {
    if (depth > maxDepth) fail("it is nested too deeply");
    const start = at;
    if (text[at] === "{") {
      const members: Member[] = [];
      list("}", () => {
        const member = { start: at, key: string() } as Member;
        skip();
        if (text[at] !== ":") fail("a colon was expected");
        at++;
        skip();
        member.value = value(depth + 1);
        members.push(member);
        return (comma) => {
          member.comma = comma;
        };
      });
      return { start, end: at, members };
    }
    if (text[at] === "[") {
      const members: Member[] = [];
      list("]", () => {
        const element = value(depth + 1);
        const member: Member = { key: keyOf(element), start: element.start, value: element };
        members.push(member);
        return (comma) => {
          member.comma = comma;
        };
      });
      return { start, end: at, members, isList: true };
    }
    if (text[at] === '"') string();
    else if (!take(/[\w.+-]+/y)) fail("a value was expected");
    return { start, end: at };
  };
  const keyOf = ({ members, isList }: Value): string => {
    const named = isList ? undefined : members?.findLast(({ key }) => key === "name")?.value;
    const written = named && text.slice(named.start, named.end);
    return written?.startsWith('"') ? `=${JSON.parse(written) as string}` : "";
  };
  skip();
  const root = value(0);
  skip();
  if (at < text.length) fail("the text goes on after its end");
  return root;
}

/** Checks a text of JSON with comments. Throws AppError `invalid_request` with the line of the first fault. */
export function checkJson(text: string): void {
  scan(text);
}

/** Returns the object or list at a path, and how many words of the path lead to objects that are there. */
function deepest(
  text: string,
  path: readonly string[],
): { object: Value & { members: Member[] }; depth: number } {
  let object = scan(text);
  for (let depth = 0; ; depth++) {
    const { members, isList = false } = object;
    if (!members || isList !== path[depth]!.startsWith("="))
      throw new AppError(
        "invalid_request",
        `${path.slice(0, depth).join(".") || "the file"} is not an object`,
      );
    // Of members with the same name the last one counts.
    const member = members.findLast(({ key }) => key === path[depth]);
    if (depth === path.length - 1 || !member) return { object: { ...object, members }, depth };
    object = member.value;
  }
}

/**
 * Sets a member in a text of JSON with comments. All else stays as it is, byte by byte.
 *
 * @param path the keys that lead to it; `=NAME` is the element of a list whose `name` it is
 * @throws AppError `invalid_request` if the text is no JSON, or the path leads through something else than objects
 */
export function setMember(text: string, path: readonly string[], value: unknown): string {
  if (text.trim() === "") return `${JSON.stringify(nested(path, value), null, 2)}\n`;
  const { object, depth } = deepest(text, path);
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  const member = object.members.findLast(({ key }) => key === path[depth]);
  const { indent, unit } = indentOf(text, object);
  const written = (one: unknown) => JSON.stringify(one, null, unit).replaceAll("\n", lineEnd + indent);
  if (member) {
    const { start, end } = member.value;
    const isOneLine = !text.slice(start, end).includes("\n");
    return text.slice(0, start) + (isOneLine ? JSON.stringify(value) : written(value)) + text.slice(end);
  }

  const own = nested(path.slice(depth + 1), value);
  const key = object.isList ? "" : `${JSON.stringify(path[depth])}: `;
  const last = object.members.at(-1);
  const inside = text.slice(object.start + 1, object.end - 1);
  const trailing = last?.comma === undefined ? "" : ",";
  const isInline = last !== undefined && !inside.includes("\n");
  const end = object.start + 1 + inside.trimEnd().length;
  const before =
    last && last.comma === undefined
      ? `${text.slice(0, last.value.end)},${text.slice(last.value.end, end)}`
      : text.slice(0, end);
  if (isInline) return `${before} ${key}${JSON.stringify(own)}${trailing}${text.slice(end)}`;
  const closing = inside.includes("\n")
    ? text.slice(end)
    : lineEnd + indent.slice(unit.length) + text.slice(end);
  return `${before}${lineEnd}${indent}${key}${written(own)}${trailing}${closing}`;
}

/** Removes a member, and the objects around it that are empty then. All else stays as it is, byte by byte. */
export function removeMember(text: string, path: readonly string[]): string {
  const { object, depth } = deepest(text, path);
  const at = object.members.findLastIndex(({ key }) => key === path[depth]);
  if (depth < path.length - 1 || at === -1) return text;
  if (object.members.length === 1 && path.length > 1) return removeMember(text, path.slice(0, -1));
  const member = object.members[at]!;
  const previous = object.members[at - 1];
  const isLast = at === object.members.length - 1;
  const start = text.slice(0, member.start).trimEnd().length;
  if (object.members.length === 1) {
    const rest = text.slice((member.comma ?? member.value.end - 1) + 1);
    return (
      text.slice(0, start) +
      (text[start - 1] === "{" && rest.trimStart()[0] === "}" ? rest.trimStart() : rest)
    );
  }
  if (!isLast || member.comma !== undefined) return text.slice(0, start) + text.slice(member.comma! + 1);
  const comma = previous!.comma!;
  return text.slice(0, comma) + text.slice(comma + 1, start) + text.slice(member.value.end);
}

function nested(path: readonly string[], value: unknown): unknown {
  return path.reduceRight((inner, key) => (key.startsWith("=") ? [inner] : { [key]: inner }), value);
}

/** Returns the white space before the members of an object, and that of one step. */
function indentOf(
  text: string,
  { start, members }: Value & { members: Member[] },
): { indent: string; unit: string } {
  const before = (place: number) => /(?:^|\n)([ \t]*)[^\n]*$/.exec(text.slice(0, place))![1]!;
  const [, unit = "  "] = /\n([ \t]+)\S/.exec(text) ?? [];
  const [first] = members;
  const isOnOwnLine = first && text.slice(start, first.start).includes("\n");
  return { indent: isOnOwnLine ? before(first.start) : before(start) + unit, unit };
}
