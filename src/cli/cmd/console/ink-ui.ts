import { writeSync } from "node:fs";
import { Box, type Key as InkKey, render, Text, useInput, usePaste, useWindowSize } from "ink";
import { createElement as element, type ReactElement, useSyncExternalStore } from "react";
import type { SpanStyle, StyledSpan, ViewLine } from "./cells.ts";
import type { ConsoleApp } from "./console-app.ts";
import type { Key } from "./keys.ts";

/** Lines that are too wide for this terminal must not go on in the next one. */
const wrapOff = "\u001b[?7l";
/** The terminal as it was: lines wrap, no alternate screen, no bracketed paste, a cursor, no colours. */
const asBefore = "\u001b[?7h\u001b[?2026l\u001b[?2004l\u001b[?1049l\u001b[?25h\u001b[0m";

/** Signals that end the process. Ink leaves lines that do not wrap behind, so they are handled here. */
const deadly = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** Tells when the screen has to be drawn again. */
export class Redraws {
  readonly #listeners = new Set<() => void>();
  #count = 0;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly count = (): number => this.#count;

  redraw(): void {
    this.#count++;
    for (const listener of this.#listeners) listener();
  }
}

/** The console in this process's terminal. */
export interface InkUi {
  /** Ends it, and leaves the terminal as it was. Resolves when all is written. */
  stop(): Promise<void>;
  /** Rejects if drawing fails, and for any other defect. */
  ended: Promise<unknown>;
  /** Puts a text into the clipboard of the terminal. */
  copy(text: string): void;
}

/**
 * Shows the console in the terminal of this process. The terminal is left as it was however the process ends, unless it
 * is killed with SIGKILL.
 */
export function showConsole(app: ConsoleApp, redraws: Redraws, color: boolean): InkUi {
  const { stdin, stdout } = process;
  const restore = () => {
    if (stdin.isTTY) stdin.setRawMode(false);
    try {
      writeSync(1, asBefore);
    } catch {
      // The terminal has gone.
    }
  };
  process.once("exit", restore);
  // Ink holds standard input open, so that a defect elsewhere would not end the process.
  const defect = Promise.withResolvers<never>();
  process.on("uncaughtException", defect.reject);
  process.on("unhandledRejection", defect.reject);
  const onSignal = (signal: NodeJS.Signals) => {
    instance.unmount();
    restore();
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  for (const signal of deadly) process.once(signal, onSignal);
  // Ink sets it after its first frame, and a key pressed between would be echoed into the screen.
  stdin.setRawMode(true);
  const instance = render(element(Root, { app, redraws, color }), {
    alternateScreen: true,
    exitOnCtrlC: false,
    patchConsole: false,
    interactive: true,
    incrementalRendering: true,
    isScreenReaderEnabled: false,
  });
  stdout.write(wrapOff);
  return {
    ended: Promise.race([instance.waitUntilExit(), defect.promise]),
    copy: (text) => void stdout.write(`\u001b]52;c;${Buffer.from(text).toString("base64")}\u0007`),
    async stop() {
      instance.unmount();
      await instance.waitUntilExit().catch(() => undefined);
      process.off("exit", restore);
      process.off("uncaughtException", defect.reject);
      process.off("unhandledRejection", defect.reject);
      for (const signal of deadly) process.off(signal, onSignal);
      restore();
    },
  };
}

interface RootProps {
  app: ConsoleApp;
  redraws: Redraws;
  color: boolean;
}

function Root({ app, redraws, color }: RootProps): ReactElement {
  useSyncExternalStore(redraws.subscribe, redraws.count);
  const { columns, rows } = useWindowSize();
  useInput((input, key) => {
    for (const one of keysOf(input, key)) app.key(one);
  });
  usePaste((text) => app.key({ ...plain, name: "text", text }));
  const lines = app.view(columns, rows);
  return element(
    Box,
    { flexDirection: "column", width: columns, height: rows, overflow: "hidden" },
    lines.map((line, i) => element(Line, { key: i, line, color })),
  );
}

function Line({ line, color }: { line: ViewLine; color: boolean }): ReactElement {
  const spans = line.map((span, i) => element(Text, { key: i, ...styleOf(span, color) }, span.text));
  return element(Box, { height: 1 }, element(Text, { wrap: "hard" }, spans.length > 0 ? spans : " "));
}

/** Without colours there are still bold and inverse text, which are none. */
const plainStyles: Partial<Record<SpanStyle, object>> = { bold: { bold: true }, inverse: { inverse: true } };
const colorStyles: Readonly<Record<SpanStyle, object>> = {
  bold: { bold: true },
  inverse: { inverse: true },
  dim: { dimColor: true },
  red: { color: "red" },
  green: { color: "green" },
  yellow: { color: "yellow" },
  cyan: { color: "cyan" },
};

function styleOf({ style }: StyledSpan, color: boolean): object {
  return (style && (color ? colorStyles : plainStyles)[style]) ?? {};
}

const plain = { ctrl: false, shift: false, text: "" } as const;

const named = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageUp", "pageUp"],
  ["pageDown", "pageDown"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["escape", "escape"],
  ["tab", "tab"],
  ["backspace", "backspace"],
  // Many terminals send for the backspace key what is called delete.
  ["delete", "backspace"],
] as const satisfies readonly (readonly [keyof InkKey, Key["name"]])[];

/** Returns the keys of one input: several characters that came together are several keys. */
function keysOf(input: string, key: InkKey): Key[] {
  const found = named.find(([flag]) => key[flag]);
  if (found?.[1] === "escape") return [{ ...plain, name: "escape" }];
  // Escape and a key after it at once look like the key with Alt, which nothing here uses.
  const before: Key[] = key.meta ? [{ ...plain, name: "escape" }] : [];
  if (found) return [...before, { name: found[1], text: "", ctrl: key.ctrl, shift: key.shift }];
  if (key.ctrl) return [...before, { ...plain, name: "text", text: input, ctrl: true }];
  return [...before, ...[...input].map(keyOf)];
}

const controls: Readonly<Record<string, Key["name"]>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
  "\u007f": "backspace",
  "\u001b": "escape",
};

function keyOf(character: string): Key {
  const name = controls[character];
  if (name) return { ...plain, name };
  const code = character.codePointAt(0)!;
  return code < 0x20
    ? { ...plain, name: "text", text: String.fromCharCode(code + 0x60), ctrl: true }
    : { ...plain, name: "text", text: character };
}
