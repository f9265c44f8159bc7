import { type SpanStyle, type ViewLine, wrapped } from "./cells.ts";
import type { Key } from "./keys.ts";
import type { Hint, Screen } from "./screen.ts";

/** A plain text of several lines, in one style. */
export interface TextPart {
  text: string;
  style?: SpanStyle;
}

/** The most characters that are shown of one text: more would make each key slow. */
const maxShown = 1_000_000;

export interface TextOptions {
  title: string;
  /** The parts of the text as they are now. Their texts are plain. */
  parts(): readonly TextPart[];
  /** Keys of its own, by the letter or `enter`. */
  actions?: Readonly<Record<string, { what: string; act(): void }>>;
}

/** A text to scroll in. */
export class TextScreen implements Screen {
  readonly title: string;
  readonly isTyping = false;
  readonly #options: TextOptions;
  #top = 0;
  #height = 1;
  #shown: { width: number; parts: readonly TextPart[]; lines: ViewLine[] } | undefined;

  constructor(options: TextOptions) {
    this.title = options.title;
    this.#options = options;
  }

  get hints(): readonly Hint[] {
    const own = Object.entries(this.#options.actions ?? {}).map(([key, { what }]) => [key, what] as const);
    return [...own, ["↑↓", "scroll"], ["esc", "back"]];
  }

  view(width: number, height: number): ViewLine[] {
    const lines = this.#lines(width);
    this.#height = height;
    this.#top = Math.max(0, Math.min(this.#top, lines.length - height));
    const shown = lines.slice(this.#top, this.#top + height);
    const below = lines.length - this.#top - height;
    if (below > 0) shown[height - 1] = [{ text: `… ${below + 1} more lines`, style: "dim" }];
    return shown;
  }

  key({ name, text, ctrl }: Key): boolean {
    const steps: Partial<Record<Key["name"], number>> = {
      up: -1,
      down: 1,
      pageUp: 1 - this.#height,
      pageDown: this.#height - 1,
      home: Number.NEGATIVE_INFINITY,
      end: Number.MAX_SAFE_INTEGER,
    };
    const letters: Record<string, number> = {
      k: -1,
      j: 1,
      g: Number.NEGATIVE_INFINITY,
      G: Number.MAX_SAFE_INTEGER,
    };
    const { actions = {} } = this.#options;
    const word = name === "text" ? text : name;
    if (!ctrl && Object.hasOwn(actions, word)) {
      actions[word]!.act();
      return true;
    }
    const step = name === "text" && !ctrl ? letters[text] : steps[name];
    if (step === undefined) return false;
    this.#top = Math.max(0, this.#top + step);
    return true;
  }

  #lines(width: number): ViewLine[] {
    const parts = this.#options.parts();
    const shown = this.#shown;
    const isSame =
      shown?.width === width &&
      shown.parts.length === parts.length &&
      parts.every(({ text, style }, i) => text === shown.parts[i]!.text && style === shown.parts[i]!.style);
    if (!isSame) {
      const lines = parts.flatMap(({ text, style }) => {
        const short = text.length > maxShown ? `${text.slice(0, maxShown)}\n… cut here` : text;
        return wrapped(short, width).map(
          (line): ViewLine => [style ? { text: line, style } : { text: line }],
        );
      });
      this.#shown = { width, parts, lines };
    }
    return this.#shown!.lines;
  }
}
