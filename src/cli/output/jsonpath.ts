import { AppError } from "../../errors.ts";

/** One part of a path: it leads from a set of nodes to the next set. */
type Step = (nodes: unknown[], root: unknown) => unknown[];

type Part = { text: string } | { steps: Step[] } | { range: Step[]; parts: Part[] };

/**
 * Compiles JSONPath in kubectl's form: `{.a.b[0]}`, `{[*].name}`, `{.list[?(@.x=="y")].z}`, `{..name}`,
 * `{range [*]}{.name}{"\n"}{end}`, with text around it; a single path needs no braces.
 * A missing value prints nothing. https://kubernetes.io/docs/reference/kubectl/jsonpath/
 *
 * @returns a function from data to text
 * @throws AppError `usage` that shows the part that is wrong
 */
export function jsonPath(expression: string): (data: unknown) => string {
  const source = expression.includes("{")
    ? expression
    : `{${/^[.[$@]/.test(expression) ? "" : "."}${expression}}`;
  const parts = new Parser(source).template(false);
  return (data) => render(parts, data, data);
}

/** Compiles one path, `.a.b`, `{.a.b}` or `a.b`, to a function that returns its values. Throws AppError `usage`. */
export function valuesAt(path: string): (data: unknown) => unknown[] {
  const bare = path.replace(/^\{(.*)\}$/s, "$1");
  const steps = new Parser(/^[.[$@]/.test(bare) ? bare : `.${bare}`).path();
  return (data) => walk(steps, data, data);
}

function render(parts: readonly Part[], data: unknown, root: unknown): string {
  return parts
    .map((part) => {
      if ("text" in part) return part.text;
      if ("range" in part)
        return walk(part.range, data, root)
          .map((node) => render(part.parts, node, root))
          .join("");
      return walk(part.steps, data, root).map(text).join(" ");
    })
    .join("");
}

function text(value: unknown): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

function walk(steps: readonly Step[], data: unknown, root: unknown): unknown[] {
  return steps.reduce((nodes, step) => step(nodes, root), [data]);
}

class Parser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** Parses text and braces to the end, or inside a range to its `{end}`. */
  template(inRange: boolean): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.#source.length) {
      const literal = this.#take(/[^{]+/y);
      if (literal !== undefined) parts.push({ text: literal });
      else if (this.#take(/\{\s*end\s*\}/y) !== undefined) {
        if (inRange) return parts;
        throw this.#fault();
      } else if (this.#take(/\{\s*range\s+/y) !== undefined) {
        const range = this.path();
        this.#expect(/\s*\}/y);
        parts.push({ range, parts: this.template(true) });
      } else parts.push(this.#braces());
    }
    if (inRange) throw this.#fault("{range} without {end}");
    return parts;
  }

  #braces(): Part {
    this.#expect(/\{\s*/y);
    const quoted = this.#string();
    const part: Part = quoted === undefined ? { steps: this.path() } : { text: quoted };
    this.#expect(/\s*\}/y);
    return part;
  }

  path(): Step[] {
    const steps: Step[] = [];
    if (this.#take(/\$/y) !== undefined) steps.push((_, root) => [root]);
    else this.#take(/@/y);
    for (;;) {
      const step = this.#step(steps.length === 0);
      if (!step) return steps;
      steps.push(step);
    }
  }

  #step(first: boolean): Step | undefined {
    if (this.#take(/\.\.\*?/y) !== undefined) {
      const name = this.#take(/[\w-]+/y);
      return (nodes) =>
        nodes.flatMap(everyNode).flatMap((node) => (name === undefined ? [node] : child(node, name)));
    }
    if (this.#take(/\.\*/y) !== undefined) return (nodes) => nodes.flatMap(children);
    const name = this.#take(/\.(?:[\w-]|\\.)+/y)
      ?.slice(1)
      .replace(/\\(.)/g, "$1");
    // kubectl's lists are {items: […]} and ours are arrays: both forms of a path work.
    if (name === "items" && first)
      return (nodes) => nodes.flatMap((node) => (Array.isArray(node) ? [node] : child(node, name)));
    if (name !== undefined) return (nodes) => nodes.flatMap((node) => child(node, name));
    if (this.#take(/\[/y) !== undefined) return this.#brackets();
    this.#take(/\.(?=\s*(\}|$))/y);
    return undefined;
  }

  #brackets(): Step {
    const step = this.#selector();
    this.#expect(/\s*\]/y);
    return step;
  }

  #selector(): Step {
    if (this.#take(/\*/y) !== undefined) return (nodes) => nodes.flatMap(children);
    if (this.#take(/\?\(\s*/y) !== undefined) return this.#filter();
    const name = this.#string();
    if (name !== undefined) return (nodes) => nodes.flatMap((node) => child(node, name));
    const slice = this.#take(/-?\d*:-?\d*/y)?.split(":");
    if (slice) {
      const [from, to] = slice.map((bound) => (bound === "" ? undefined : Number(bound)));
      return (nodes) => nodes.flatMap((node) => (Array.isArray(node) ? node.slice(from, to) : []));
    }
    const indices = this.#expect(/-?\d+(\s*,\s*-?\d+)*/y)
      .split(",")
      .map(Number);
    return (nodes) =>
      nodes.flatMap((node) => (Array.isArray(node) ? indices.flatMap((i) => present(node.at(i))) : []));
  }

  /** Parses `@.x=="y"`, `@.n>3`, or `@.x`, which is true if the value exists. */
  #filter(): Step {
    const left = this.path();
    const operator = this.#take(/\s*(==|!=|<=|>=|<|>)\s*/y)?.trim();
    const right = operator === undefined ? undefined : this.#literal();
    this.#expect(/\s*\)/y);
    return (nodes, root) =>
      nodes.flatMap(children).filter((node) => {
        const values = walk(left, node, root);
        return operator === undefined
          ? values.length > 0
          : values.some((value) => compare(value, operator, right));
      });
  }

  #literal(): unknown {
    return this.#string() ?? JSON.parse(this.#expect(/true|false|null|-?\d+(\.\d+)?/y));
  }

  #string(): string | undefined {
    const quoted = this.#take(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/y);
    return quoted?.slice(1, -1).replace(/\\(.)/g, (_, c: string) => ({ n: "\n", t: "\t", r: "\r" })[c] ?? c);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  #expect(pattern: RegExp): string {
    const match = this.#take(pattern);
    if (match === undefined) throw this.#fault();
    return match;
  }

  #fault(reason = faultAt(this.#source.slice(this.#at))): AppError {
    return new AppError("usage", `jsonpath ${this.#source}: ${reason}`, {
      hint: "for example: -o jsonpath='{range [*]}{.name}{\"\\n\"}{end}'",
    });
  }
}

function faultAt(rest: string): string {
  return rest === "" ? "ends too early" : `cannot be read at "${rest}"`;
}

function present(value: unknown): unknown[] {
  return value === undefined ? [] : [value];
}

function child(node: unknown, name: string): unknown[] {
  if (typeof node !== "object" || node === null || !Object.hasOwn(node, name)) return [];
  return present((node as Record<string, unknown>)[name]);
}

function children(node: unknown): unknown[] {
  return typeof node === "object" && node !== null ? Object.values(node) : [];
}

function everyNode(node: unknown): unknown[] {
  return [node, ...children(node).flatMap(everyNode)];
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  if (operator === "==") return left === right;
  if (operator === "!=") return left !== right;
  if (typeof left !== typeof right || (typeof left !== "number" && typeof left !== "string")) return false;
  const [a, b] = [left, right] as [number, number];
  return operator === "<" ? a < b : operator === ">" ? a > b : operator === "<=" ? a <= b : a >= b;
}
