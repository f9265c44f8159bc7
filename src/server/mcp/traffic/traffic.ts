import { project as projectKind } from "../../../kinds/project.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { isOf, type ProjectRow } from "../../core/store/typed-rows.ts";
import type { EndpointRequest } from "../endpoint/endpoint-types.ts";
import type { ReadSecret } from "../types.ts";
import { HiddenValues, type ReadTokens } from "./hidden-values.ts";
import { ProjectTraffic } from "./project-traffic.ts";
import { type TappedClient, TrafficTap } from "./traffic-tap.ts";

/** The most bytes of the messages of all projects. */
const maxBytes = 64 * 1024 * 1024;

export interface TrafficOptions {
  catalogue: Catalogue;
  readSecret: ReadSecret;
  readTokens: ReadTokens;
  now(): number;
}

/** The messages of projects that came to this node, for those who may edit the project (T220). */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #projects = new Map<string, ProjectTraffic>();
  readonly #unsubscribe: () => void;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#unsubscribe = options.catalogue.subscribe(() => this.#update());
  }

  /** Returns what records the messages of an HTTP request; undefined if its project wants none. */
  tap({ project, request, requestId, principal }: EndpointRequest): TrafficTap | undefined {
    const session = request.headers.get("mcp-session-id");
    return this.tapOf(project, { requestId, principal, ...(session !== null && { session }) });
  }

  /** Returns what records the messages of a client that comes from within the server: a persona. */
  tapOf(project: ProjectRow, client: TappedClient): TrafficTap | undefined {
    // A project that was written before the field was there has none.
    if ((project.spec.traffic ?? "off") === "off") return undefined;
    const { catalogue, now } = this.#options;
    return new TrafficTap(this.of(project), client, catalogue.snapshot, now);
  }

  /** Returns the messages of a project. */
  of(project: ProjectRow): ProjectTraffic {
    const known = this.#projects.get(project.id);
    if (known) return known;
    const { readSecret, readTokens, now } = this.#options;
    const hidden = new HiddenValues(readSecret, readTokens, now);
    const made = new ProjectTraffic(project, hidden, () => this.#makeRoom());
    this.#projects.set(project.id, made);
    return made;
  }

  /** The bytes that all messages take. */
  get bytes(): number {
    let sum = 0;
    for (const { ring } of this.#projects.values()) sum += ring.bytes;
    return sum;
  }

  close(): void {
    this.#unsubscribe();
    this.#projects.clear();
  }

  /** Forgets what the projects do not want any more. */
  #update(): void {
    const { snapshot } = this.#options.catalogue;
    for (const [id, traffic] of this.#projects) {
      const row = snapshot.byId.get(id);
      if (isOf(projectKind, row)) traffic.update(row);
      if (!row || (traffic.mode === "off" && !traffic.isFollowed)) this.#projects.delete(id);
    }
  }

  /** Lets the project with the most bytes forget its oldest messages. */
  #makeRoom(): void {
    while (this.bytes > maxBytes) {
      const [first, ...others] = this.#projects.values();
      if (!first) return;
      others.reduce((a, b) => (a.ring.bytes >= b.ring.bytes ? a : b), first).ring.dropOldest();
    }
  }
}
