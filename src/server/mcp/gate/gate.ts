import type { Principal } from "../../core/access/policy.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { AskProjectLlm } from "../project-llm.ts";
import { briefingText, type ChosenPrompt } from "./briefing.ts";
import { choosePrompts, type GateTask } from "./choose.ts";
import { chooseWithLlm } from "./choose-with-llm.ts";
import { DeafClients } from "./deaf-clients.ts";
import { type GatePrompt, gateOf, gatePrompts, hasRules } from "./gate-prompts.ts";
import { firstCall } from "./gate-tools.ts";
import type { GateSession, GateUse } from "./gate-use.ts";
import type { LinkReader } from "./links.ts";
import { Openings } from "./openings.ts";

export interface GateServices<Use extends GateUse> {
  snapshot(): Snapshot;
  ask: AskProjectLlm;
  links: LinkReader<Use>;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
}

/** The briefing of a first call. */
export interface Briefing {
  text: Promise<string>;
  /** Shuts the gate again: the call has no result that could carry the briefing. */
  undo(): void;
}

/** Lets models begin with the prompts that matter, and remembers who has begun. */
export class Gate<Use extends GateUse> {
  readonly openings: Openings;
  readonly #deaf = new DeafClients();
  readonly #services: GateServices<Use>;

  constructor(services: GateServices<Use>) {
    this.#services = services;
    this.openings = new Openings(services.elapsed);
  }

  /** Returns the sentence that tells models to begin; undefined if there is nothing to begin with. */
  firstCall(project: ProjectRow): string | undefined {
    const snapshot = this.#services.snapshot();
    return gateOf(snapshot, project) !== "off" && hasRules(snapshot, project) ? firstCall : undefined;
  }

  /** True if a list of tools shows `begin_session` alone. Lists of the modern revision never change by what a client does. */
  hidesTools(use: Use): boolean {
    const { session, project } = use;
    if (!session || gateOf(this.#services.snapshot(), project) !== "session") return false;
    if (this.#deaf.has(session.client, use.caller.principal)) return false;
    return this.#isShut(use);
  }

  /** Takes note of the end of a session. Its client ended it in order, so the next one begins anew. */
  onSessionEnd(principal: Principal, project: ProjectRow, session: GateSession & { id: string }): void {
    if (session.isTold && !session.hasListedAgain) this.#deaf.learn(session.client, principal);
    else this.openings.endSession(principal, project, session.id);
  }

  /** Answers `begin_session`, and opens the gate. */
  async begin(use: Use, task: GateTask): Promise<string> {
    const text = await this.#brief(use, task);
    this.#open(use);
    return text === "" ? `The project "${use.project.name}" has no rules. Use its tools.` : text;
  }

  /**
   * Opens the gate for a call of a tool of a server.
   *
   * @returns the briefing that goes before its result; undefined if the gate is open
   */
  onCall(use: Use, task: () => GateTask): Briefing | undefined {
    if (!this.#isShut(use)) return undefined;
    // Further calls that come at the same time carry no second briefing.
    this.#open(use);
    const text = this.#brief(use, task());
    text.catch(() => undefined);
    return { text, undo: () => this.#shut(use) };
  }

  /**
   * Returns the briefing for a result with structured content, beside which some clients, such as Codex, show no text. So
   * the next result has it, too, and the gate opens with the second one. "" if the gate is open.
   */
  async besideStructured(use: Use, task: () => GateTask): Promise<string> {
    if (!this.#isShut(use)) return "";
    if (this.openings.hint(use.caller.principal, use.project)) this.#open(use);
    return this.#brief(use, task());
  }

  /** Chooses prompts of a project for a task. The texts of links are not read. */
  async choose(use: Pick<GateUse, "project" | "requestId" | "caller" | "signal">, task: GateTask) {
    const { snapshot, ask } = this.#services;
    const prompts = gatePrompts(snapshot(), use.project);
    const picked = await chooseWithLlm(snapshot(), ask, use, prompts, task);
    return choosePrompts(prompts, task, picked);
  }

  /** Tells which prompts a model would get for a task, and why. Opens nothing, and reads no links. */
  async report(use: Pick<GateUse, "project" | "requestId" | "caller" | "signal">, task: GateTask) {
    const choices = await this.choose(use, task);
    return {
      gate: gateOf(this.#services.snapshot(), use.project),
      prompts: choices.map(({ prompt: { name, priority, bytes }, isGiven, score, why }) => ({
        name,
        given: isGiven,
        score,
        priority,
        bytes,
        why,
      })),
      text: briefingText(use.project, choices),
    };
  }

  async #brief(use: Use, task: GateTask): Promise<string> {
    const choices = await this.choose(use, task);
    const read = choices.map(async (choice): Promise<ChosenPrompt> => {
      const linked = choice.isGiven ? await this.linked(use, choice.prompt) : undefined;
      return { ...choice, linked };
    });
    return briefingText(use.project, await Promise.all(read));
  }

  /** Returns the text of a prompt's link as the caller may read it, or why there is none; undefined without a link. */
  linked(use: Use, { row }: GatePrompt): Promise<string> | undefined {
    return row.spec.link === undefined ? undefined : this.#services.links.read(use, row);
  }

  #isShut(use: Use): boolean {
    const { project, session, caller, isExempt } = use;
    const snapshot = this.#services.snapshot();
    if (isExempt || session?.isGateOpen || gateOf(snapshot, project) === "off") return false;
    const isOpen = !hasRules(snapshot, project) || this.openings.isOpen(caller.principal, project);
    // A session does not fall back behind what it has seen.
    if (isOpen && session) session.isGateOpen = true;
    return !isOpen;
  }

  #open({ session, caller, project }: Use): void {
    if (session) session.isGateOpen = true;
    this.openings.open(caller.principal, project, session && caller.session);
  }

  #shut({ session, caller, project }: Use): void {
    if (session) session.isGateOpen = false;
    this.openings.close(caller.principal, project);
  }
}
