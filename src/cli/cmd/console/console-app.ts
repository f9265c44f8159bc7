import { cutTo, plainLine, type StyledSpan, type ViewLine, widthOf } from "./cells.ts";
import type { ConsoleSession } from "./console-session.ts";
import type { Key } from "./keys.ts";
import { openRequest } from "./raw-screen.ts";
import type { Screen, ScreenStack } from "./screen.ts";
import { TextScreen } from "./text-screen.ts";
import type { ConsoleWorld } from "./world.ts";

/** A tab: its first screen, and those that were opened over it. */
export interface Tab {
  name: string;
  /** Shown behind the name: how many there are. */
  count?(): number;
  /** Called when it is shown, or no more. */
  onShow?(isShown: boolean): void;
  screens: Screen[];
}

export interface ConsoleAppOptions {
  project: string;
  /** The server, for the first line. */
  server: string;
  /** Draws the screen again. */
  onChange(): void;
  /** Ends the console with an exit code. */
  onQuit(code: number): void;
}

/** The smallest screen. */
const smallest = { columns: 40, rows: 10 };

/** The exit code of Ctrl-C. */
const interrupted = 130;

/** The console: tabs, the screens in them, and the keys that work everywhere. It knows no terminal. */
export class ConsoleApp implements ScreenStack {
  readonly #options: ConsoleAppOptions;
  #tabs: readonly Tab[] = [];
  #world: ConsoleWorld | undefined;
  #index = 0;
  #said = "";

  constructor(options: ConsoleAppOptions) {
    this.#options = options;
  }

  /** Shows the tabs; the one of a name first. */
  start(world: ConsoleWorld, tabs: readonly Tab[], first: string): void {
    this.#world = world;
    this.#tabs = tabs;
    this.#index = tabs.findIndex(({ name }) => name === first);
    this.#tab.onShow?.(true);
  }

  open(screen: Screen): void {
    this.#tab.screens.push(screen);
  }

  back(): void {
    if (this.#tab.screens.length > 1) this.#tab.screens.pop();
  }

  say(text: string): void {
    this.#said = text;
  }

  refresh(): void {
    this.#options.onChange();
  }

  key(key: Key): void {
    this.#said = "";
    const { name, text, ctrl } = key;
    if (ctrl && text === "c") return this.#options.onQuit(interrupted);
    const screen = this.#screen;
    if (screen.key(key) || ctrl || screen.isTyping) return this.refresh();
    const digit = name === "text" && /^[1-9]$/.test(text) ? Number(text) - 1 : -1;
    if (digit >= 0 && digit < this.#tabs.length) this.#show(digit);
    else if (name === "tab") this.#show(this.#index + (key.shift ? -1 : 1));
    else if (name === "right") this.#show(this.#index + 1);
    else if (name === "left") this.#show(this.#index - 1);
    else if (name === "escape") this.back();
    else if (text === "q") return this.#options.onQuit(0);
    else if (text === "x") openRequest(this.#world!);
    else if (text === "R") void this.#relist();
    else if (text === "?") this.#openHelp();
    this.refresh();
  }

  /** Returns the lines of the whole screen. */
  view(columns: number, rows: number): ViewLine[] {
    if (columns < smallest.columns || rows < smallest.rows) {
      const text = `the console needs ${smallest.columns}×${smallest.rows} characters`;
      return [[{ text: cutTo(text, columns) }]];
    }
    const { session } = this.#world!;
    const body = this.#screen.view(columns, rows - 5).slice(0, rows - 5);
    while (body.length < rows - 5) body.push([]);
    return [
      this.#titleLine(session, columns),
      this.#tabLine(columns),
      [{ text: "─".repeat(columns), style: "dim" }],
      ...body,
      this.#statusLine(session, columns),
      this.#hintLine(columns),
    ];
  }

  get #tab(): Tab {
    return this.#tabs[this.#index]!;
  }

  get #screen(): Screen {
    return this.#tab.screens.at(-1)!;
  }

  #show(index: number): void {
    this.#tab.onShow?.(false);
    this.#index = (index + this.#tabs.length) % this.#tabs.length;
    this.#tab.onShow?.(true);
  }

  async #relist(): Promise<void> {
    try {
      await this.#world!.session.relist();
      this.say("the lists were read again");
    } catch (error) {
      this.say((error as Error).message);
    }
    this.refresh();
  }

  #titleLine({ facts, lost }: ConsoleSession, columns: number): ViewLine {
    const { project, server } = this.#options;
    const right = lost === undefined ? `${facts?.revision ?? ""} connected` : "no connection";
    const left = cutTo(plainLine(`mcpctl console  ${project} at ${server}`), columns - right.length - 1);
    const space = " ".repeat(columns - widthOf(left) - right.length);
    return [
      { text: left, style: "bold" },
      { text: space },
      { text: right, style: lost === undefined ? "green" : "red" },
    ];
  }

  #tabLine(columns: number): ViewLine {
    const spans: StyledSpan[] = [];
    let used = 0;
    for (const [i, { name, count }] of this.#tabs.entries()) {
      const number = count?.();
      const text = `${i + 1} ${name}${number === undefined ? "" : ` ${number}`}`;
      const shown = i === this.#index ? `[${text}]` : ` ${text} `;
      if (used + shown.length > columns) break;
      used += shown.length;
      spans.push({ text: shown, ...(i === this.#index && { style: "inverse" }) });
    }
    return spans;
  }

  #statusLine({ lost }: ConsoleSession, columns: number): ViewLine {
    if (this.#said !== "") return [{ text: cutTo(plainLine(this.#said), columns), style: "yellow" }];
    if (lost !== undefined) return [{ text: cutTo(plainLine(lost), columns), style: "red" }];
    const titles = this.#tab.screens.map(({ title }) => title).filter((title) => title !== "");
    return [{ text: cutTo([this.#tab.name, ...titles].join(" › "), columns), style: "dim" }];
  }

  #hintLine(columns: number): ViewLine {
    const everywhere = this.#screen.isTyping
      ? [["^C", "quit"]]
      : [
          ["x", "request"],
          ["?", "help"],
          ["q", "quit"],
        ];
    const hints = [...this.#screen.hints, ...everywhere].map(
      ([key, what]) => `${key === " " ? "space" : key} ${what}`,
    );
    return [{ text: cutTo(hints.join("  "), columns), style: "dim" }];
  }

  #openHelp(): void {
    this.open(new TextScreen({ title: "help", parts: () => [{ text: helpText }] }));
  }
}

const helpText = `The console shows what an MCP client of the project sees, and does what one can
do. Your token's rights hold; calls count, and are in the audit log.

1-6 tab ← →    another tab             ↑ ↓ j k         move
enter          open, call, next        pgup pgdn g G   further
esc            back; cancel a call     /               filter: words to find
x              send any request        R               read the lists again
q ^C           quit                    ?               this help

tools      enter opens a tool, and then a form for its arguments. In the form
           enter goes to the next field and ^R calls. j shows the result as
           JSON-RPC, c the curl command that does the same.
traffic    the messages of this console; a shows everybody's, which needs edit
           on the project. space pauses, enter opens a message.
sessions   this console, and the sessions of others (needs edit as well).
log        notifications to this console, and the logs of those MCP servers
           that you may edit.`;
