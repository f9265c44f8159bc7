import { type Static, Type } from "@sinclair/typebox";
import { project as projectKind } from "../../../kinds/project.ts";
import { isObject } from "../../../mcp/messages.ts";
import { Time, Words } from "../../client/answers.ts";
import { objectPath } from "../../client/objects.ts";
import { answerShape } from "../../client/shape.ts";
import { age } from "../../output/cells.ts";
import { cutTo, fitted, plainBlock, plainLine, type ViewLine, wrapped } from "./cells.ts";
import { ListScreen } from "./list-screen.ts";
import { TextScreen } from "./text-screen.ts";
import { explainedTraffic } from "./traffic-feed.ts";
import type { ConsoleWorld } from "./world.ts";

const OtherSession = Type.Object({
  session: Words,
  user: Type.Union([Words, Type.Null()]),
  token: Type.Union([Words, Type.Null()]),
  client: Type.Union([Words, Type.Null()]),
  revision: Words,
  begunAt: Time,
  usedAt: Time,
  requests: Type.Integer(),
  listening: Type.Boolean(),
});
type OtherSession = Static<typeof OtherSession>;
const otherSessions = answerShape(Type.Array(OtherSession));

/** Milliseconds between two looks at the sessions of others. */
const lookTime = 3000;

/** The most lines of the project's instructions in the list; all of them are behind `i`. */
const shownInstructions = 3;

/** The session of this console, and those of others, as far as the user may see them. */
export class SessionsTab {
  readonly #world: ConsoleWorld;
  #others: readonly OtherSession[] = [];
  #problem: string | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(world: ConsoleWorld) {
    this.#world = world;
  }

  /** Looks at the sessions of others as long as the tab is shown. */
  show(isShown: boolean): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (!isShown || this.#world.signal.aborted) return;
    void this.#look();
    this.#timer = setInterval(() => void this.#look(), lookTime);
  }

  screen(): ListScreen<OtherSession> {
    return new ListScreen<OtherSession>({
      head: (width) => this.#head(width),
      items: () => this.#others,
      textOf: (one) => [one.session, one.user, one.token, one.client, one.revision].join(" "),
      row: ({ session, user, token, client, revision, usedAt, requests }, width) => {
        const left = `${fitted(plainLine(session), 8)} ${fitted(plainLine(token ?? user ?? "-"), 14)} ${revision.slice(0, 10)} `;
        const right = ` ${String(requests).padStart(3)} ${age(usedAt, this.#world.now()).padStart(9)}`;
        return [
          { text: left },
          { text: fitted(plainLine(client ?? "-"), Math.max(4, width - left.length - right.length)) },
          { text: right, style: "dim" },
        ];
      },
      empty: () =>
        this.#problem ??
        "no other sessions; clients of revision 2026-07-28 have none, see their messages instead",
      actions: {
        i: { what: "instructions", act: () => this.#openInstructions() },
      },
    });
  }

  async #look(): Promise<void> {
    const { client, project, signal, stage } = this.#world;
    try {
      const path = `${objectPath(projectKind, project)}/sessions`;
      this.#others = await client.call("GET", path, { answer: otherSessions, signal });
      this.#problem = undefined;
    } catch (error) {
      this.#problem = (explainedTraffic(error, project) as Error).message;
    }
    stage.refresh();
  }

  #head(width: number): ViewLine[] {
    const { facts, listing } = this.#world.session;
    const { name, version } = facts?.serverInfo ?? {};
    const rows = [
      ["server", `${String(name ?? "-")} ${String(version ?? "")}`],
      ["revision", facts?.revision ?? "-"],
      [
        "capabilities",
        Object.keys(isObject(facts?.capabilities) ? facts.capabilities : {}).join(", ") || "-",
      ],
      [
        "offered",
        `tools ${listing.tools.length}, resources ${listing.resources.length}, templates ${listing.resourceTemplates.length}, prompts ${listing.prompts.length}`,
      ],
    ];
    const lines: ViewLine[] = [[{ text: "This console", style: "bold" }]];
    for (const [label, value] of rows)
      lines.push([
        { text: `  ${label!.padEnd(13)}`, style: "dim" },
        { text: cutTo(plainLine(value!), width - 15) },
      ]);
    const instructions = wrapped(plainBlock(facts?.instructions ?? "-"), width - 15);
    for (const [i, text] of instructions.slice(0, shownInstructions).entries())
      lines.push([{ text: `  ${(i === 0 ? "instructions" : "").padEnd(13)}`, style: "dim" }, { text }]);
    const columns = `  session  who            revision   client`;
    return [
      ...lines,
      [],
      [{ text: "Sessions of all clients", style: "bold" }],
      [{ text: cutTo(columns, width), style: "dim" }],
    ];
  }

  #openInstructions(): void {
    const { session, stage } = this.#world;
    const text = plainBlock(session.facts?.instructions ?? "the project gives no instructions");
    stage.open(new TextScreen({ title: "instructions", parts: () => [{ text }] }));
  }
}
