import { sizeText } from "../../output/cells.ts";
import {
  cutTo,
  fitted,
  jsonBlock,
  plainBlock,
  plainLine,
  type SpanStyle,
  type StyledSpan,
  type ViewLine,
} from "./cells.ts";
import { openCurl } from "./curl-screen.ts";
import { ListScreen } from "./list-screen.ts";
import { type TextPart, TextScreen } from "./text-screen.ts";
import { explainedTraffic, followTraffic } from "./traffic-feed.ts";
import { type TrafficItem, TrafficItems } from "./traffic-item.ts";
import type { ConsoleWorld } from "./world.ts";

/** Earlier messages that are asked for. */
const tail = 500;

/** The messages of this console, or those of everybody. */
export class TrafficTab {
  readonly #world: ConsoleWorld;
  readonly #everybody = new TrafficItems();
  #following: AbortController | undefined;
  #isPaused: readonly TrafficItem[] | undefined;
  #state: { traffic: string; node: string; severalNodes: boolean } | undefined;
  #problem: string | undefined;
  #hasGap = false;

  constructor(world: ConsoleWorld) {
    this.#world = world;
  }

  /** True if the messages of everybody are shown. */
  get isOfEverybody(): boolean {
    return this.#following !== undefined;
  }

  /** The list of messages. */
  screen(): ListScreen<TrafficItem> {
    return new ListScreen<TrafficItem>({
      follows: true,
      head: (width) => this.#head(width),
      items: () => this.#isPaused ?? this.#items,
      textOf: (item) =>
        [
          item.at,
          item.from,
          item.type,
          item.method,
          item.subject,
          item.user,
          item.token,
          item.client,
          item.session,
          item.body,
        ].join(" "),
      row: (item, width) => trafficRow(item, width, this.isOfEverybody),
      empty: () => this.#emptyText(),
      open: (item) => this.#open(item),
      actions: {
        a: { what: this.isOfEverybody ? "own" : "all/own", act: () => this.#toggle() },
        " ": { what: "pause", act: () => this.#pause() },
        c: {
          what: "curl",
          act: (item) => item && this.#curl(item),
        },
      },
    });
  }

  /** Shows the messages of everybody from now on. */
  async follow(): Promise<void> {
    const { client, project, stage } = this.#world;
    const following = new AbortController();
    this.#following = following;
    const signal = AbortSignal.any([following.signal, this.#world.signal]);
    this.#everybody.clear();
    try {
      for await (const event of followTraffic(client, project, { signal, tail })) {
        this.#problem = undefined;
        if (event.kind === "message") this.#everybody.add(event.item);
        else if (event.kind === "state") this.#state = event;
        else if (event.kind === "gap") this.#hasGap = true;
        else this.#problem = event.reason;
        stage.refresh();
      }
    } catch (error) {
      if (following.signal.aborted || this.#world.signal.aborted) return;
      this.#following = undefined;
      stage.say((explainedTraffic(error, project) as Error).message);
      stage.refresh();
    }
  }

  get #items(): readonly TrafficItem[] {
    return this.isOfEverybody ? this.#everybody.list : this.#world.session.messages.items.list;
  }

  #toggle(): void {
    this.#isPaused = undefined;
    if (!this.#following) return void this.follow();
    this.#following.abort();
    this.#following = undefined;
    this.#problem = undefined;
  }

  #pause(): void {
    this.#isPaused = this.#isPaused ? undefined : [...this.#items];
  }

  #emptyText(): string {
    if (!this.isOfEverybody) return "no messages yet";
    return this.#state?.traffic === "off"
      ? `nothing is kept of this project; to change that: mcpctl patch project ${this.#world.project} traffic=metadata`
      : "no messages yet";
  }

  #head(width: number): ViewLine[] {
    const words = [this.isOfEverybody ? "everybody's messages" : "messages of this console"];
    if (this.isOfEverybody && this.#state) {
      const { traffic, node, severalNodes } = this.#state;
      words.push(`traffic: ${traffic}`);
      if (severalNodes) words.push(`those of server ${node} only`);
    }
    if (this.#hasGap && this.isOfEverybody) words.push("some are missing");
    if (this.#isPaused) words.push("paused");
    const lines: ViewLine[] = [[{ text: cutTo(plainLine(words.join(", ")), width), style: "dim" }]];
    if (this.#problem !== undefined)
      lines.push([{ text: cutTo(plainLine(`${this.#problem}; trying again`), width), style: "red" }]);
    return lines;
  }

  #curl(item: TrafficItem): void {
    const { stage } = this.#world;
    if (item.from !== "client" || item.type !== "request") stage.say("only a request can be copied as curl");
    else if (item.body === undefined || item.isCut)
      stage.say("its body is not kept whole: the project needs traffic: full");
    else openCurl(item.body, this.#world);
  }

  #open(item: TrafficItem): void {
    const parts = messageParts(item);
    const { stage } = this.#world;
    stage.open(
      new TextScreen({
        title: plainLine(item.method ?? item.type),
        parts: () => parts,
        actions: { c: { what: "curl", act: () => this.#curl(item) } },
      }),
    );
  }
}

const styles: Readonly<Record<string, SpanStyle>> = { error: "red", invalid: "red", notification: "dim" };

/** `10:21:07 → laptop  tools/call echo       1.2 kB  12 ms`. */
function trafficRow(item: TrafficItem, width: number, withCaller: boolean): StyledSpan[] {
  const { at, from, type, method, subject, bytes, durationMs, id } = item;
  const time = at.slice(11, 19);
  const arrow = from === "client" ? "→" : "←";
  const who = withCaller ? `${fitted(plainLine(item.token ?? item.user ?? "-"), 12)} ` : "";
  const size = sizeText(bytes).padStart(7);
  const took = (durationMs === undefined ? "" : `${durationMs} ms`).padStart(8);
  const words = [method ?? (type === "response" ? `answer to ${String(id)}` : type), subject ?? ""];
  if (type === "error") words.push("error");
  const left = `${time} ${arrow} ${who}`;
  const room = Math.max(8, width - left.length - size.length - took.length);
  const text = fitted(plainLine(words.join(" ")), room);
  const style = styles[type];
  return [
    { text: left, style: "dim" },
    { text, ...(style && { style }) },
    { text: `${size}${took}`, style: "dim" },
  ];
}

/** The facts of a message, in the order in which they are shown. */
const shownFacts = [
  "at",
  "from",
  "type",
  "method",
  "subject",
  "id",
  "bytes",
  "durationMs",
  "status",
  "user",
  "token",
  "client",
  "session",
  "requestId",
] as const satisfies readonly (keyof TrafficItem)[];

function messageParts(item: TrafficItem): TextPart[] {
  const { body, isCut, leftOut } = item;
  const names = shownFacts
    .map((name) => [name, item[name]] as const)
    .filter(([, value]) => value !== undefined && value !== null);
  const head = names.map(([name, value]) => `${name.padEnd(11)} ${String(value)}`).join("\n");
  const parts: TextPart[] = [{ text: plainBlock(head), style: "dim" }, { text: "" }];
  if (leftOut !== undefined) return [...parts, { text: plainBlock(`no body: ${leftOut}`), style: "yellow" }];
  if (body === undefined)
    return [...parts, { text: "no body: the project has traffic: metadata, not full", style: "dim" }];
  return [
    ...parts,
    { text: prettyBlock(body) },
    ...(isCut ? [{ text: "… the rest was not kept", style: "yellow" as const }] : []),
  ];
}

function prettyBlock(body: string): string {
  try {
    return jsonBlock(JSON.parse(body));
  } catch {
    return plainBlock(body);
  }
}
