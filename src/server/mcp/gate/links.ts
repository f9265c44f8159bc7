import { type EndSignal, nativeSignal } from "../../../end-signal.ts";
import { plainText } from "../../core/catalogue/prompt-digest.ts";
import { decideLink, parseLink } from "../../core/catalogue/prompt-links.ts";
import type { LinkState, Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow, PromptRow } from "../../core/store/typed-rows.ts";
import type { GateUse } from "./gate-use.ts";

/** Milliseconds that a read of a link may take. */
const timeLimit = 5000;

/** The most characters of the text of a link. */
const maxLinked = 1_000_000;

/** A resource that a link leads to. */
export interface LinkTarget {
  project: ProjectRow;
  /** The name of the MCP server. */
  server: string;
  /** The URI that the server uses. */
  uri: string;
}

/**
 * Reads a resource as a client does that has the right to the project. Returns its texts; undefined if the server offers
 * no such resource there.
 *
 * @throws if it cannot be read
 */
export type ReadResource<Use> = (
  use: Use,
  target: LinkTarget,
  signal: EndSignal,
) => Promise<string | undefined>;

const missing = "[It continues in a resource that is not there now.]";

/** Reads the links of prompts with the right of the one who reads, and notes their state. */
export class LinkReader<Use extends GateUse> {
  readonly #snapshot: () => Snapshot;
  readonly #read: ReadResource<Use>;

  constructor(snapshot: () => Snapshot, read: ReadResource<Use>) {
    this.#snapshot = snapshot;
    this.#read = read;
  }

  /** Returns the text of a prompt's link, or one sentence that says why there is none. The prompt must have a link. */
  async read(use: Use, row: PromptRow): Promise<string> {
    const snapshot = this.#snapshot();
    const link = parseLink(row.spec.link!);
    const decided = decideLink(snapshot, use.caller.principal, link);
    // The link itself may name what is hidden from this reader.
    if (decided === "forbidden") return "[It continues in a resource that you may not read.]";
    if (decided === "missing") return missing;
    const over = AbortSignal.timeout(timeLimit);
    try {
      const target = { ...link, project: decided.project };
      const text = await this.#read(use, target, nativeSignal(use.signal, over));
      if (text === undefined) return this.#note(row, "missing", missing);
      return this.#note(row, "ready", plainText(text.slice(0, maxLinked)).trim());
    } catch {
      return this.#note(row, "unreadable", "[It continues in a resource that cannot be read now.]");
    }
  }

  #note(row: PromptRow, state: LinkState, text: string): string {
    this.#snapshot().volatile.links.set(row.id, state);
    return text;
  }
}
