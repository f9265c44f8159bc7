import { fitted, plainLine, type StyledSpan, type ViewLine } from "./cells.ts";
import type { Key } from "./keys.ts";
import { LineInput } from "./line-input.ts";
import type { Hint, Screen } from "./screen.ts";

export interface ListOptions<T> {
  title?: string;
  /** The lines above the list, which do not scroll. */
  head?(width: number): ViewLine[];
  /** The entries as they are now. */
  items(): readonly T[];
  /** The text that a filter looks into. */
  textOf(item: T): string;
  /** One entry, in `width` columns at most. */
  row(item: T, width: number): StyledSpan[];
  /** Shown if there are no entries. */
  empty(): string;
  /** Opens an entry. */
  open?(item: T): void;
  /** Keys of its own, by the letter. */
  actions?: Readonly<Record<string, { what: string; act(item: T | undefined): void }>>;
  /** True if it shows its newest entries, the last ones, until somebody moves up. */
  follows?: boolean;
}

const mark = "> ";

/** A list to move in, to filter, and to open entries of. */
export class ListScreen<T> implements Screen {
  readonly title: string;
  readonly #options: ListOptions<T>;
  #selected: T | undefined;
  #index = 0;
  #top = 0;
  #height = 1;
  #filter = "";
  #input: LineInput | undefined;
  #isAtEnd: boolean;

  constructor(options: ListOptions<T>) {
    this.title = options.title ?? "";
    this.#options = options;
    this.#isAtEnd = options.follows === true;
  }

  get isTyping(): boolean {
    return this.#input !== undefined;
  }

  get hints(): readonly Hint[] {
    if (this.#input)
      return [
        ["enter", "keep"],
        ["esc", "clear"],
      ];
    const { open, actions = {} } = this.#options;
    return [
      ...(open ? [["enter", "open"] as const] : []),
      ["/", "filter"],
      ...Object.entries(actions).map(([key, { what }]) => [key, what] as const),
    ];
  }

  view(width: number, height: number): ViewLine[] {
    const { head, empty, row } = this.#options;
    const lines: ViewLine[] = [...(head?.(width) ?? [])];
    const filter = this.#filterLine(width);
    if (filter) lines.push(filter);
    const items = this.#shown();
    this.#height = Math.max(1, height - lines.length);
    this.#follow(items);
    if (items.length === 0) {
      const text = this.#filter === "" ? empty() : `nothing matches "${plainLine(this.#filter)}"`;
      return [...lines, [{ text: fitted(plainLine(text), width), style: "dim" }]];
    }
    for (const [i, item] of items.slice(this.#top, this.#top + this.#height).entries()) {
      const isSelected = this.#top + i === this.#index;
      const spans = row(item, width - mark.length);
      if (!isSelected) lines.push([{ text: "  " }, ...spans]);
      else {
        const text = fitted(spans.map((span) => span.text).join(""), width - mark.length);
        lines.push([{ text: mark + text, style: "inverse" }]);
      }
    }
    return lines;
  }

  key(key: Key): boolean {
    if (this.#input) return this.#typed(this.#input, key);
    const items = this.#shown();
    // Several keys can come before the list is drawn again.
    this.#follow(items);
    const { open, actions = {} } = this.#options;
    const item = items[this.#index];
    if (this.#moved(key, items)) return true;
    if (key.name === "enter" && open) {
      if (item !== undefined) open(item);
      return true;
    }
    if (key.name === "escape" && this.#filter !== "") {
      this.#filter = "";
      return true;
    }
    if (key.name !== "text" || key.ctrl) return false;
    if (key.text === "/") {
      this.#input = new LineInput(this.#filter);
      return true;
    }
    const action = Object.hasOwn(actions, key.text) ? actions[key.text] : undefined;
    action?.act(item);
    return action !== undefined;
  }

  #typed(input: LineInput, key: Key): boolean {
    if (key.name === "enter") this.#input = undefined;
    else if (key.name === "escape") {
      this.#input = undefined;
      this.#filter = "";
    } else if (input.key(key)) this.#setFilter(input.text);
    else return this.#moved(key, this.#shown());
    return true;
  }

  #setFilter(filter: string): void {
    this.#filter = filter;
    if (this.#isAtEnd) return;
    this.#index = 0;
    this.#selected = undefined;
  }

  #moved({ name, text, ctrl }: Key, items: readonly T[]): boolean {
    const last = items.length - 1;
    const letters: Record<string, number> = this.#input
      ? {}
      : { j: 1, k: -1, g: -items.length, G: items.length };
    const steps: Partial<Record<Key["name"], number>> = {
      up: -1,
      down: 1,
      pageUp: -this.#height,
      pageDown: this.#height,
      home: -items.length,
      end: items.length,
    };
    const step = name === "text" && !ctrl ? letters[text] : steps[name];
    if (step === undefined) return false;
    this.#index = Math.max(0, Math.min(last, this.#index + step));
    this.#selected = items[this.#index];
    this.#isAtEnd = this.#options.follows === true && this.#index === last;
    return true;
  }

  /** Keeps the selected entry selected although the list has changed, and in sight. */
  #follow(items: readonly T[]): void {
    if (this.#isAtEnd) this.#index = items.length - 1;
    else if (this.#selected !== undefined && items[this.#index] !== this.#selected) {
      const found = items.indexOf(this.#selected);
      if (found >= 0) this.#index = found;
    }
    this.#index = Math.max(0, Math.min(items.length - 1, this.#index));
    this.#selected = items[this.#index];
    const lowest = Math.max(0, items.length - this.#height);
    this.#top = Math.max(this.#index - this.#height + 1, Math.min(this.#top, this.#index, lowest));
  }

  #shown(): readonly T[] {
    const { items, textOf } = this.#options;
    const words = this.#filter
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== "");
    if (words.length === 0) return items();
    return items().filter((item) => {
      const text = textOf(item).toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }

  #filterLine(width: number): ViewLine | undefined {
    if (this.#input) return [{ text: "filter: ", style: "cyan" }, ...this.#input.spans(width - 8)];
    if (this.#filter === "") return undefined;
    return [{ text: fitted(`filter: ${plainLine(this.#filter)}`, width), style: "cyan" }];
  }
}
