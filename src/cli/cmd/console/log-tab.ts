import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { mcpServer } from "../../../kinds/mcp-server.ts";
import { project as projectKind } from "../../../kinds/project.ts";
import type { RpcNotification } from "../../../mcp/messages.ts";
import { parsedAnswer } from "../../client/answer-text.ts";
import { objectOf, Time, Words } from "../../client/answers.ts";
import { objectPath } from "../../client/objects.ts";
import { backoffPause, eventsOf, isTransient, reconnecting } from "../../client/reconnect.ts";
import { answerShape } from "../../client/shape.ts";
import { fitted, plainBlock, plainLine } from "./cells.ts";
import { ListScreen } from "./list-screen.ts";
import { TextScreen } from "./text-screen.ts";
import type { ConsoleWorld } from "./world.ts";

interface LogEntry {
  /** RFC 3339. */
  at: string;
  from: string;
  text: string;
}

const logLine = answerShape(
  Type.Object({ at: Time, instance: Words, stream: Words, text: Type.String({ maxLength: 20_000 }) }),
);

/** The most lines that are kept. */
const maxLines = 2000;

/** The most MCP servers whose logs are followed: each takes a connection. */
const maxServers = 8;

/** Earlier lines of each log. */
const tail = "50";

/** Notifications of servers to this console, and the logs of MCP servers that the user may edit. */
export class LogTab {
  readonly #world: ConsoleWorld;
  readonly #lines: LogEntry[] = [];
  #isFollowing = false;

  constructor(world: ConsoleWorld) {
    this.#world = world;
  }

  /** Takes a notification to this console. */
  notified({ method, params = {} }: RpcNotification): void {
    const { level, logger, data } = params;
    const said = typeof data === "string" ? data : JSON.stringify(data ?? params);
    const text =
      method === "notifications/message"
        ? [level, logger, said].filter((one) => one !== undefined).join(" ")
        : `${method} ${Object.keys(params).length > 0 ? JSON.stringify(params) : ""}`;
    this.#add({ at: new Date(this.#world.now()).toISOString(), from: "to me", text: text.slice(0, 20_000) });
  }

  /** Follows the logs of the project's MCP servers from the first time that the tab is shown. */
  show(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    void this.#followAll();
  }

  screen(): ListScreen<LogEntry> {
    return new ListScreen<LogEntry>({
      follows: true,
      items: () => this.#lines,
      textOf: ({ from, text }) => `${from} ${text}`,
      row: ({ at, from, text }, width) => [
        { text: `${at.slice(11, 19)} ${fitted(plainLine(from), 12)} `, style: "dim" },
        { text: fitted(plainLine(text), Math.max(4, width - 22)) },
      ],
      empty: () => "nothing yet: log messages of tools, and what MCP servers write, appear here",
      open: ({ at, from, text }) =>
        this.#world.stage.open(
          new TextScreen({ title: "line", parts: () => [{ text: plainBlock(`${at} ${from}\n\n${text}`) }] }),
        ),
    });
  }

  #add(entry: LogEntry): void {
    this.#lines.push(entry);
    if (this.#lines.length > maxLines) this.#lines.splice(0, this.#lines.length - maxLines);
    this.#world.stage.refresh();
  }

  #note(from: string, text: string): void {
    this.#add({ at: new Date(this.#world.now()).toISOString(), from, text });
  }

  async #followAll(): Promise<void> {
    const { client, project, signal } = this.#world;
    let names: string[];
    try {
      const object = await client.call("GET", objectPath(projectKind, project), {
        answer: objectOf(projectKind),
        signal,
      });
      names = (Array.isArray(object["servers"]) ? object["servers"] : []).map(String);
    } catch (error) {
      return this.#note("console", `the logs of its MCP servers: ${(error as Error).message}`);
    }
    if (names.length > maxServers)
      this.#note("console", `the logs of ${names.length - maxServers} more MCP servers: mcpctl logs NAME`);
    for (const name of names.slice(0, maxServers)) void this.#follow(name);
  }

  async #follow(name: string): Promise<void> {
    const { client, signal } = this.#world;
    let since: string | undefined;
    async function* connect(onEvent: () => void) {
      const query = { follow: "1", ...(since === undefined ? { tail } : { since }) };
      const response = await client.stream("GET", `${objectPath(mcpServer, name)}/logs`, { query, signal });
      for await (const { event, data } of eventsOf(response, signal)) {
        onEvent();
        if (event === "line") yield parsedAnswer(data, logLine);
      }
    }
    try {
      const lines = reconnecting(connect, { signal, pause: backoffPause, isRetried: isTransient });
      for await (const { at, instance, text } of lines) {
        since = at;
        this.#add({ at, from: instance, text });
      }
    } catch (error) {
      if (signal.aborted) return;
      const isForbidden = error instanceof AppError && error.code === "forbidden";
      this.#note(name, isForbidden ? "its log needs edit on the MCP server" : (error as Error).message);
    }
  }
}
