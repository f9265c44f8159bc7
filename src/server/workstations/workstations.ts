import type { EndSignal } from "../../end-signal.ts";
import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { TurnShare } from "../../wire/next-turn.ts";
import type { Principal } from "../core/access/policy.ts";
import type { BodyBudget } from "../core/body-budget.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Deadline, Deadlines } from "../core/deadlines.ts";
import { newId, type Random } from "../core/ids.ts";
import type { LlmRow, McpServerRow } from "../core/store/typed-rows.ts";
import { AgentCall } from "./agent-call.ts";
import type { LinkConnection, LinkSession } from "./link-session.ts";
import { type AttachedAgent, LinkSessions } from "./link-sessions.ts";
import { PostedTasks } from "./posted-tasks.ts";
import type { ProviderSessions } from "./provider-sessions.ts";
import type { LinkReceiver } from "./socket.ts";
import { SocketInput } from "./socket-input.ts";
import { type CallWork, llmSubject, noAgent, subjectOf } from "./task-failure.ts";
import { type AgentTask, type EndedTask, TaskRegistry } from "./task-registry.ts";
import type { ConnectedLlms, LinkCall } from "./virtual-llms.ts";
import type { SentServerCall, VirtualServerCall, VirtualServers } from "./virtual-servers.ts";
import { offerWake, Wakes } from "./wakes.ts";

/** Milliseconds for which an agent that posts results may be without its stream before its tasks are lost. */
const graceMs = 15_000;

export interface WorkstationsOptions {
  catalogue: Catalogue;
  sessions: ProviderSessions;
  deadlines: Deadlines;
  /** The memory for large messages of agents. */
  bodies: Pick<BodyBudget, "isLarge" | "tryHold">;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds on a monotonic clock. */
  elapsed(): number;
  random: Random;
  /** The time in one turn of the event loop for the messages of all agents; 8 ms if not given. */
  turnShare?: TurnShare;
}

/** The connected workstation agents and their tasks: calls and wakes. */
export class Workstations implements ConnectedLlms, VirtualServers {
  /** The calls by which agents accept tasks and post results. */
  readonly posted: PostedTasks;
  readonly #options: WorkstationsOptions;
  readonly #links: LinkSessions;
  readonly #tasks = new TaskRegistry();
  readonly #wakes: Wakes;
  /** Deadlines for agents that post results and have lost their stream. */
  readonly #graces = new Set<Deadline>();
  /** The calls that last until they are cancelled. */
  readonly #endless = new Set<AgentCall>();
  #isDraining = false;

  constructor(options: WorkstationsOptions) {
    this.#options = options;
    const { sessions } = options;
    this.#links = new LinkSessions({
      ...options,
      text: (link, message) => input.text(link, message),
      bytes: (link, frame) => input.bytes(link, frame),
      whenRead: (link, then) => input.closed(link, then),
      opened: (link, isSame) => this.#opened(link, isSame),
      closed: (link, mayContinue) => this.#closed(link, mayContinue),
      // Tasks of an earlier process are lost, also if its link has closed already.
      superseded: (sessionId, epoch) => {
        for (const task of this.#tasks.of(sessionId)) if (task.link.epoch < epoch) this.#lose(task);
      },
    });
    this.#wakes = new Wakes({
      ...options,
      linkOf: (llm) => this.#linkFor(llm, llmSubject(llm.name)),
      newTaskId: () => this.#newTaskId(),
      onBegun: (task) => this.#tasks.add(task),
      onOver: (task, state) => this.#forget(task, state, 0),
      setActive: ({ llmName, link }) =>
        sessions.report(link.sessionId, { llms: { [llmName]: { status: "active" } } }),
    });
    const parts = { ...options, links: this.#links, tasks: this.#tasks, wakes: this.#wakes };
    const input = new SocketInput(parts);
    this.posted = new PostedTasks(parts);
  }

  /** The number of connected agents by transport. */
  get attached(): Record<LinkSession["transport"], number> {
    const counts = { websocket: 0, sse: 0 };
    for (const { transport } of this.#links.all) counts[transport]++;
    return counts;
  }

  /** The number of calls and wakes under way. */
  get busy(): number {
    return this.#tasks.size;
  }

  isResident(llm: LlmRow): boolean {
    return this.#options.sessions.llmState(llm)?.resident ?? true;
  }

  inFlight(llm: LlmRow): number {
    const calls = this.#tasks
      .of(sessionOf(llm))
      .filter(
        (task) => task instanceof AgentCall && task.work.kind === "infer" && task.work.llmName === llm.name,
      );
    // The report of the agent includes its other callers, but is older than the count of tasks.
    return Math.max(calls.length, this.#options.sessions.llmState(llm)?.inFlight ?? 0);
  }

  wakingFor(llm: LlmRow): number | undefined {
    return this.#wakes.since(llm.id);
  }

  wake(llm: LlmRow, signal: EndSignal): Promise<void> {
    return this.#wakes.wake(llm, signal);
  }

  async infer({ llm, operation, streaming, hops, ...call }: LinkCall): Promise<ProviderResponse> {
    const work = { kind: "infer", llmName: llm.name, operation, streaming, hops } as const;
    return this.#begin(llm, work, call).response;
  }

  callServer({ server, isEndless, ...call }: VirtualServerCall): SentServerCall {
    const task = this.#begin(server, { kind: "mcp", serverName: server.name }, call);
    if (isEndless && !task.isOver) this.#endless.add(task);
    return task;
  }

  hasAgentOf(row: LlmRow | McpServerRow): boolean {
    return !this.#isDraining && this.#links.of(sessionOf(row)) !== undefined;
  }

  #begin(
    row: LlmRow | McpServerRow,
    work: CallWork,
    { signal, ...call }: Pick<VirtualServerCall, "text" | "timeouts" | "signal">,
  ): AgentCall {
    if (signal.aborted) throw new HttpFailure("cancelled", "the call was cancelled");
    const link = this.#linkFor(row, subjectOf(work));
    const leave = () => task.cancel();
    const task = new AgentCall({
      ...call,
      ...this.#options,
      id: this.#newTaskId(),
      work,
      link,
      onOver: ({ state, channel, lastSeq }) => {
        signal.removeEventListener("abort", leave);
        this.#endless.delete(task);
        if (channel !== undefined) link.closeChannel(channel);
        this.#forget(task, state === "done" || state === "cancelled" ? state : "gone", lastSeq);
      },
    });
    this.#tasks.add(task);
    signal.addEventListener("abort", leave);
    task.offer();
    return task;
  }

  /**
   * Takes a session for an agent, from every other agent that had it. The caller opens the link next.
   *
   * @param epoch the last epoch that the agent knows, if it had the session before
   * @param signal aborts when the agent no longer waits
   * @throws AppError `unavailable` while the server stops; whatever `ProviderSessions.attach` throws
   */
  async attach(
    principal: Principal,
    sessionId: string,
    epoch: number | undefined,
    signal?: AbortSignal,
  ): Promise<AttachedAgent> {
    if (this.#isDraining) throw new AppError("unavailable", "the server is shutting down", { retryAfter: 2 });
    const session = await this.#options.sessions.attach(principal, sessionId, epoch, signal);
    return { session, principal, lastEpoch: epoch };
  }

  /** Opens the link of an agent that has just taken a session. Returns the receiver of the frames that it sends. */
  open(attached: AttachedAgent, connection: LinkConnection): LinkReceiver {
    return this.#links.open(attached, connection);
  }

  /**
   * Refuses new agents and tasks, and tells connected agents to drain. Returns when no task is under way whose result
   * is posted.
   */
  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const link of this.#links.all) link.send({ event: "drain" });
    for (const call of [...this.#endless]) call.cancel();
    this.#wakes.stop();
    const posted = this.#tasks.all.filter((task) => task.link.transport === "sse");
    await Promise.all(posted.map(({ id }) => this.#tasks.ending(id)));
  }

  /** Returns when no task is under way. */
  idle(): Promise<void> {
    return this.#tasks.idle();
  }

  /** Closes all links. Tasks that are still under way are lost. */
  close(): void {
    this.#isDraining = true;
    this.#wakes.stop();
    this.#links.close();
    for (const grace of this.#graces) grace.cancel();
    for (const task of this.#tasks.all) this.#lose(task);
  }

  #linkFor(row: LlmRow | McpServerRow, subject: string): LinkSession {
    const link = this.#isDraining ? undefined : this.#links.of(sessionOf(row));
    if (!link) throw noAgent(subject);
    return link;
  }

  /** Creates a random id, because an agent needs only the id and its bearer to post a result. */
  #newTaskId(): string {
    return newId("task", this.#options.now(), this.#options.random);
  }

  #opened(link: LinkSession, isSame: boolean): void {
    for (const task of this.#tasks.of(link.sessionId)) {
      if (!isSame) {
        this.#lose(task);
        continue;
      }
      task.link = link;
      if (!(task instanceof AgentCall)) offerWake(task);
      else if (task.state !== "offered") continue;
      // A response over this WebSocket would need a channel, and the call has none.
      else if (link.transport === "websocket") task.lose();
      else task.offer();
    }
  }

  #closed(link: LinkSession, mayContinue: boolean): void {
    const tasks = this.#tasks.all.filter((task) => task.link === link);
    if (!mayContinue || link.transport === "websocket") {
      for (const task of tasks) this.#lose(task);
    } else if (tasks.length > 0) {
      const grace = this.#options.deadlines.after(graceMs, () => {
        this.#graces.delete(grace);
        // The tasks of an agent that has come back are on its new link.
        for (const task of this.#tasks.all) if (task.link === link) this.#lose(task);
      });
      this.#graces.add(grace);
    }
  }

  #lose(task: AgentTask): void {
    if (task instanceof AgentCall) task.lose();
    else this.#wakes.lose(task);
  }

  #forget(task: AgentTask, state: EndedTask["state"], lastSeq: number): void {
    const { sessionId, principal } = task.link;
    const { attempt } = task;
    this.#tasks.remove(task.id, { sessionId, userId: principal.userId, attempt, state, lastSeq });
  }
}

function sessionOf({ status }: LlmRow | McpServerRow): string {
  return String(status.session);
}
