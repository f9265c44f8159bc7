import { decide, type Principal } from "../../core/access/policy.ts";
import { principalAt } from "../../core/access/principals.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { agentTools, withAgentTools } from "../offers/agent-tools.ts";
import { type ListName, listText } from "../offers/list-text.ts";
import { offerOf } from "../offers/offer.ts";

/** A client that is told of changes. */
export interface OfferListener {
  readonly principal: Principal;
  /** Is called with the lists that have changed. */
  onChange(lists: ReadonlySet<ChangedList>): void;
  /** Is called when the project is deleted, or may not be used by the client any more. */
  onEnd(): void;
}

/** A list as clients are told of its change. */
export type ChangedList = "tools" | "prompts" | "resources";

/** Milliseconds for which changes are gathered: a server that comes and goes at once changes nothing. */
const gatherTime = 200;

/** The kinds on which offers and the rights to them depend. */
const kinds: ReadonlySet<string> = new Set([
  "project",
  "server",
  "serverattachment",
  "prompt",
  "proxymodel",
  "agent",
  "user",
  "group",
  "token",
  "rbac",
]);

const lists: readonly (readonly [ListName, ChangedList])[] = [
  ["tools", "tools"],
  ["prompts", "prompts"],
  ["resources", "resources"],
  ["resourceTemplates", "resources"],
];

/** The listeners of one project, and its lists as they were last told. */
interface Watched {
  listeners: Set<OfferListener>;
  told: Record<ListName, string>;
}

/** Tells clients when what their project offers has changed: only those of that project, and only the lists that did. */
export class OfferChanges {
  readonly #catalogue: Catalogue;
  readonly #byProject = new Map<string, Watched>();
  /** The tools that ask personas, as each client was told of them: they depend on its rights. */
  readonly #agents = new WeakMap<OfferListener, string>();
  readonly #unsubscribe: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
    this.#unsubscribe = catalogue.subscribe((changes) => {
      if (this.#byProject.size === 0 || this.#timer !== undefined) return;
      if (changes && !changes.some(({ kind }) => kinds.has(kind))) return;
      this.#timer = setTimeout(() => this.#tell(), gatherTime);
    });
  }

  /** Adds a client. The returned function removes it. */
  add(project: ProjectRow, listener: OfferListener): () => void {
    const watched = this.#byProject.get(project.id) ?? {
      listeners: new Set<OfferListener>(),
      told: this.#listsOf(project),
    };
    this.#byProject.set(project.id, watched);
    watched.listeners.add(listener);
    this.#agents.set(listener, agentsText(this.#catalogue.snapshot, project, listener.principal));
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.#byProject.get(project.id) === watched)
        this.#byProject.delete(project.id);
    };
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  #tell(): void {
    this.#timer = undefined;
    const { snapshot } = this.#catalogue;
    for (const [projectId, { listeners, told }] of this.#byProject) {
      const project = snapshot.byId.get(projectId) as ProjectRow | undefined;
      const changed = project ? this.#changed(project, told) : new Set<ChangedList>();
      for (const listener of [...listeners]) {
        const now = principalAt(snapshot, listener.principal);
        const mayRun = decide(now, "run", "projects", project?.name, project) === "allow";
        if (!project || !mayRun) listener.onEnd();
        else {
          const agents = agentsText(snapshot, project, now);
          const isChanged = this.#agents.get(listener) !== agents;
          this.#agents.set(listener, agents);
          if (changed.size > 0 || isChanged)
            listener.onChange(isChanged ? new Set([...changed, "tools"]) : changed);
        }
      }
    }
  }

  /** Returns the lists that have changed since they were told, and notes that they are told now. */
  #changed(project: ProjectRow, told: Record<ListName, string>): Set<ChangedList> {
    const now = this.#listsOf(project);
    const changed = new Set<ChangedList>();
    for (const [name, list] of lists) {
      if (now[name] !== told[name]) changed.add(list);
      told[name] = now[name];
    }
    return changed;
  }

  #listsOf(project: ProjectRow): Record<ListName, string> {
    const offer = offerOf(this.#catalogue.snapshot, project);
    const texts = lists.map(([name]) => [name, listText(offer, name)]);
    return Object.fromEntries(texts) as Record<ListName, string>;
  }
}

function agentsText(snapshot: Snapshot, project: ProjectRow, principal: Principal): string {
  return withAgentTools("[]", agentTools(snapshot, project, principal));
}
