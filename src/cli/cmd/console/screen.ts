import type { ViewLine } from "./cells.ts";
import type { Key } from "./keys.ts";

/** A key with what it does, for the last line of the screen. */
export type Hint = readonly [key: string, what: string];

/** The part between the tabs and the last lines: a list, a text, a form. */
export interface Screen {
  /** Shown after the name of the tab; "" for the first screen of a tab. */
  readonly title: string;
  /** True while letters are typed into it, so that they do nothing else. */
  readonly isTyping: boolean;
  readonly hints: readonly Hint[];
  /** Returns `height` lines of `width` columns at most. */
  view(width: number, height: number): ViewLine[];
  /** Takes a key. Returns false if it does nothing here. */
  key(key: Key): boolean;
}

/** Things that a screen lets happen. */
export interface ScreenStack {
  /** Shows another screen, over this one. */
  open(screen: Screen): void;
  /** Shows the screen below. */
  back(): void;
  /** Shows a sentence until the next key. */
  say(text: string): void;
  /** Shows the screen again, because what it shows has changed. */
  refresh(): void;
}
