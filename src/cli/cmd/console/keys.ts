/** A key that was pressed, or a text that was typed or pasted. */
export interface Key {
  name:
    | "text"
    | "up"
    | "down"
    | "left"
    | "right"
    | "pageUp"
    | "pageDown"
    | "home"
    | "end"
    | "enter"
    | "escape"
    | "tab"
    | "backspace"
    | "delete";
  /** The characters of `text`; one of them with Ctrl. */
  text: string;
  ctrl: boolean;
  shift: boolean;
}
