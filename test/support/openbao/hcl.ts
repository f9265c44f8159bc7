/** A block or a JSON object of a policy: its keys in order, each with its value. */
export interface Block {
  /** The key; `path "a"` has two. */
  keys: string[];
  /** The number of its line. */
  line: number;
  value: Value;
}

export type Value = string | number | boolean | Value[] | { block: Block[] };

interface Lexeme {
  kind: "name" | "string" | "heredoc" | "number" | "sign" | "end";
  text: string;
  line: number;
  column: number;
}

const grammar =
  /(?<space>[ \t\r\n]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<heredoc><<-?(\w+)\n[\s\S]*?\n[ \t]*\3(?=\n|$))|(?<string>"(?:[^"\\\n]|\\.)*")|(?<number>-?\d+(?:\.\d+)?(?![\w-]))|(?<name>[\p{L}_][\p{L}\p{N}_.-]*)|(?<sign>[{}[\]=,:])/uy;

/** Parses a policy in HCL or JSON. Throws an Error with the position of a syntax error. */
export function parseHcl(text: string): Block[] {
  const lexemes = lex(text);
  let at = 0;
  const next = () => lexemes[Math.min(at++, lexemes.length - 1)]!;
  const peek = () => lexemes[Math.min(at, lexemes.length - 1)]!;
  const isSign = (sign: string) => peek().kind === "sign" && peek().text === sign;

  const list = (): Value[] => {
    const values: Value[] = [];
    while (!isSign("]")) {
      if (peek().kind === "name" && !isFlag(peek()))
        throw unexpected(peek(), "unexpected token while parsing list:");
      values.push(value());
      if (isSign(",")) next();
      else if (!isSign("]")) throw unexpected(peek(), "error parsing list, expected comma or list end, got:");
    }
    next();
    return values;
  };
  const value = (): Value => {
    const got = next();
    if (got.kind === "string" || got.kind === "heredoc") return got.text;
    if (got.kind === "number") return Number(got.text);
    if (isFlag(got)) return got.text === "true";
    if (got.kind === "sign" && got.text === "[") return list();
    if (got.kind === "sign" && got.text === "{") return { block: blocks("}") };
    throw unexpected(got, "Unknown token:");
  };
  const blocks = (until: "}" | "end"): Block[] => {
    const found: Block[] = [];
    while (!(until === "end" ? peek().kind === "end" : isSign("}"))) {
      const { line } = peek();
      const keys: string[] = [];
      while (peek().kind === "name" || peek().kind === "string") keys.push(next().text);
      if (keys.length === 0 && (until === "end" || peek().kind !== "end"))
        throw unexpected(peek(), "expected: IDENT | STRING | ASSIGN | LBRACE got:");
      if (keys.length === 0) throw unexpected(peek(), "object expected closing RBRACE got:");
      if (isSign("=") || isSign(":")) {
        if (keys.length > 1) throw unexpected(peek(), "nested object expected: LBRACE got:");
        next();
        found.push({ keys, line, value: value() });
      } else if (isSign("{")) {
        next();
        found.push({ keys, line, value: { block: blocks("}") } });
      } else {
        const { column } = peek();
        throw new Error(
          `At ${line}:${column}: key '${keys.join(" ")}' expected start of object ('{') or assignment ('=')`,
        );
      }
      if (isSign(",")) next();
    }
    next();
    return found;
  };

  // In JSON one object encloses everything.
  if (isSign("{")) {
    next();
    const all = blocks("}");
    if (peek().kind !== "end") throw unexpected(peek(), "object expected closing RBRACE got:");
    return all;
  }
  return blocks("end");
}

function lex(text: string): Lexeme[] {
  const lexemes: Lexeme[] = [];
  let [line, lineStart] = [1, 0];
  grammar.lastIndex = 0;
  while (grammar.lastIndex < text.length) {
    const start = grammar.lastIndex;
    const match = grammar.exec(text);
    if (match === null) throw new Error(`At ${line}:${start - lineStart + 1}: illegal char`);
    const groups = match.groups!;
    const [kind, found] = Object.entries(groups).find(([, group]) => group !== undefined)!;
    const position = { line, column: start - lineStart + 1 };
    if (kind === "string") lexemes.push({ kind, text: unquoted(found!), ...position });
    else if (kind === "heredoc")
      lexemes.push({ kind, text: found!.split("\n").slice(1, -1).join("\n"), ...position });
    else if (kind !== "space") lexemes.push({ kind: kind as Lexeme["kind"], text: found!, ...position });
    for (const { index } of found!.matchAll(/\n/g)) {
      line++;
      lineStart = start + index + 1;
    }
  }
  return [...lexemes, { kind: "end", text: "EOF", line, column: text.length - lineStart + 2 }];
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(1, -1).replace(/\\(.)/g, "$1");
  }
}

function isFlag({ kind, text }: Lexeme): boolean {
  return kind === "name" && (text === "true" || text === "false");
}

const signs: Record<string, string> = {
  "{": "LBRACE",
  "}": "RBRACE",
  "[": "LBRACK",
  "]": "RBRACK",
  "=": "ASSIGN",
  ",": "COMMA",
};
const kinds = { name: "IDENT", string: "STRING", heredoc: "HEREDOC", number: "NUMBER", sign: "", end: "EOF" };

function unexpected({ line, column, kind, text }: Lexeme, what: string): Error {
  return new Error(`At ${line}:${column}: ${what} ${kinds[kind] || (signs[text] ?? text)}`);
}
