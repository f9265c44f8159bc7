import type { JsonObject } from "../../../mcp/messages.ts";
import { cutTo, fitted, plainLine, type StyledSpan, type ViewLine, widthOf } from "./cells.ts";
import { type ArgumentField, choiceText, fieldsOf, readForm } from "./form.ts";
import type { Key } from "./keys.ts";
import { LineInput } from "./line-input.ts";
import type { Hint, Screen, ScreenStack } from "./screen.ts";

export interface FormOptions {
  title: string;
  /** Said above the fields. */
  question?: string;
  /** A JSON Schema of an object. */
  schema: unknown;
  /** The texts that stand in the fields at first. */
  initial?: Readonly<Record<string, string>>;
  /** The word on the button. */
  button: string;
  /**
   * Takes the values.
   *
   * @returns what is wrong with them, if something is
   */
  submit(values: JsonObject): Promise<string | undefined> | string | undefined;
  /** Is told that the form was left without an answer. */
  onLeave?(): void;
}

interface Entry {
  field: ArgumentField;
  input: LineInput;
}

/** The most columns of the names. */
const widestName = 28;

/** A form with a line for each property of a schema, and a button. */
export class FormScreen implements Screen {
  readonly title: string;
  readonly #options: FormOptions;
  readonly #stage: ScreenStack;
  readonly #entries: Entry[];
  #faults: ReadonlyMap<string, string> = new Map();
  #problem: string | undefined;
  #index = 0;
  #top = 0;
  #isChecking = false;

  constructor(options: FormOptions, stage: ScreenStack) {
    this.title = options.title;
    this.#options = options;
    this.#stage = stage;
    const { schema, initial = {} } = options;
    this.#entries = fieldsOf(schema).map((field) => ({
      field,
      input: new LineInput(initial[field.name] ?? field.initial),
    }));
  }

  get isTyping(): boolean {
    return this.#current !== undefined;
  }

  get hints(): readonly Hint[] {
    const type = this.#current?.field.type;
    const choosing: Hint[] = type === "choice" || type === "boolean" ? [["←→", "choose"]] : [];
    return [
      ["↑↓", "field"],
      ...choosing,
      ["enter", "next"],
      ["^R", this.#options.button.toLowerCase()],
      ["esc", "back"],
    ];
  }

  view(width: number, height: number): ViewLine[] {
    const nameWidth = Math.min(
      widestName,
      Math.max(4, ...this.#entries.map(({ field }) => widthOf(plainLine(field.name)) + 1)),
    );
    const head: ViewLine[] = [];
    const { question, button } = this.#options;
    if (question !== undefined) head.push([{ text: cutTo(plainLine(question), width), style: "bold" }]);
    const lines: ViewLine[] = [];
    let selectedAt = 0;
    for (const [i, entry] of this.#entries.entries()) {
      if (i === this.#index) selectedAt = lines.length;
      lines.push(...this.#entryLines(entry, i === this.#index, nameWidth, width));
    }
    const isButton = this.#index === this.#entries.length;
    if (isButton) selectedAt = lines.length;
    lines.push([
      { text: isButton ? `> [ ${button} ]` : `  [ ${button} ]`, ...(isButton && { style: "inverse" }) },
    ]);
    if (this.#entries.length === 0) lines.unshift([{ text: "  it takes no arguments", style: "dim" }]);
    if (this.#problem !== undefined)
      lines.push([{ text: cutTo(plainLine(this.#problem), width), style: "red" }]);
    const room = Math.max(1, height - head.length);
    this.#top = Math.max(0, Math.min(this.#top, selectedAt, lines.length - room));
    this.#top = Math.max(this.#top, selectedAt + 2 - room);
    return [...head, ...lines.slice(this.#top, this.#top + room)];
  }

  key(key: Key): boolean {
    const { name, text, ctrl } = key;
    this.#problem = undefined;
    if (ctrl && text === "r") this.#submit();
    else if (name === "up" || (name === "tab" && key.shift)) this.#move(-1);
    else if (name === "down" || name === "tab") this.#move(1);
    else if (name === "escape") {
      this.#options.onLeave?.();
      this.#stage.back();
    } else if (name === "enter") {
      if (this.#current) this.#move(1);
      else this.#submit();
    } else return this.#current ? this.#edit(this.#current, key) : false;
    return true;
  }

  get #current(): Entry | undefined {
    return this.#entries[this.#index];
  }

  #move(step: number): void {
    const { length } = this.#entries;
    this.#index = Math.max(0, Math.min(length, this.#index + step));
  }

  #edit({ field, input }: Entry, key: Key): boolean {
    const { type, choices } = field;
    const options = type === "boolean" ? [true, false] : type === "choice" ? choices : [];
    if (options.length > 0 && (key.name === "left" || key.name === "right")) {
      const texts = ["", ...options.map(choiceText)];
      const step = key.name === "right" ? 1 : -1;
      input.text = texts[(texts.indexOf(input.text) + step + texts.length) % texts.length]!;
      return true;
    }
    return input.key(key);
  }

  #submit(): void {
    if (this.#isChecking) return;
    const texts = new Map(this.#entries.map(({ field, input }) => [field.name, input.text]));
    const { values, faults } = readForm(
      this.#entries.map(({ field }) => field),
      texts,
    );
    this.#faults = faults ?? new Map();
    if (!values) {
      this.#index = this.#entries.findIndex(({ field }) => this.#faults.has(field.name));
      return;
    }
    this.#isChecking = true;
    void Promise.resolve(this.#options.submit(values)).then((problem) => {
      this.#isChecking = false;
      this.#problem = problem;
      this.#stage.refresh();
    });
  }

  #entryLines({ field, input }: Entry, isSelected: boolean, nameWidth: number, width: number): ViewLine[] {
    const room = Math.max(4, width - nameWidth - 3);
    const name = `${plainLine(field.name)}${field.isRequired ? "*" : ""}`;
    const label: StyledSpan = {
      text: `${isSelected ? "> " : "  "}${fitted(name, nameWidth)} `,
      ...(isSelected && { style: "bold" as const }),
    };
    const value: StyledSpan[] =
      input.text === "" && !isSelected
        ? [{ text: cutTo(placeholder(field), room), style: "dim" }]
        : isSelected
          ? input.spans(room)
          : [{ text: cutTo(plainLine(input.text), room) }];
    const lines: ViewLine[] = [[label, ...value]];
    const fault = this.#faults.get(field.name);
    const indent = " ".repeat(nameWidth + 3);
    if (fault !== undefined) lines.push([{ text: indent + cutTo(plainLine(fault), room), style: "red" }]);
    else if (isSelected && (field.description !== "" || input.text === ""))
      lines.push([
        { text: indent + cutTo(`${placeholder(field)} ${plainLine(field.description)}`, room), style: "dim" },
      ]);
    return lines;
  }
}

/** The type of a field, its choices and its default, in a few words. */
function placeholder({ type, choices, fallback }: ArgumentField): string {
  const words = type === "choice" ? choices.map(choiceText).join("|") : typeWords[type];
  return plainLine(`<${words}${fallback === undefined ? "" : `, default ${fallback}`}>`);
}

const typeWords: Readonly<Record<Exclude<ArgumentField["type"], "choice">, string>> = {
  text: "text",
  number: "number",
  integer: "whole number",
  boolean: "true|false",
  texts: "texts with commas, or JSON",
  json: "JSON",
};
