import { attachmentsOf } from "../../core/catalogue/attachments.ts";
import { within } from "../../core/lifecycle.ts";
import { redact } from "../../core/redact.ts";
import { secretForms } from "../../core/secret-forms.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { ReadSecret } from "../types.ts";

/** The most texts that are looked for in one message. */
const maxForms = 2000;

/** Milliseconds for which the values of a project are not looked up again. */
const freshFor = 1000;

/** Milliseconds that secret backends have to answer. */
const timeout = 2000;

/** Reads the access tokens and the like with which an MCP server is called, by its id. */
export type ReadTokens = (serverId: string) => Promise<readonly string[]>;

/**
 * The values of secrets that the MCP servers of one project are given, and the tokens with which they are called. They must
 * not be seen in its messages (T221).
 */
export class HiddenValues {
  readonly #read: ReadSecret;
  readonly #readTokens: ReadTokens;
  readonly #now: () => number;
  /** Also values that a process may still have although the secret has others by now. */
  readonly #forms = new Set<string>();
  #newest: { snapshot: Snapshot; at: number; fault: Promise<string | undefined> } | undefined;

  constructor(read: ReadSecret, readTokens: ReadTokens, now: () => number) {
    this.#read = read;
    this.#readTokens = readTokens;
    this.#now = now;
  }

  /**
   * Reads the values as they are now.
   *
   * @returns the reason why they are not all known, if so
   */
  refresh(snapshot: Snapshot, project: ProjectRow): Promise<string | undefined> {
    const at = this.#now();
    const newest = this.#newest;
    if (newest?.snapshot === snapshot && at - newest.at < freshFor) return newest.fault;
    const fault = this.#load(snapshot, project);
    this.#newest = { snapshot, at, fault };
    return fault;
  }

  /** Returns a text without the values, in each form in which JSON and URLs may have them. */
  mask(text: string): string {
    let plain = redact(text, undefined);
    for (const form of this.#forms) if (plain.includes(form)) plain = plain.replaceAll(form, "[redacted]");
    return plain;
  }

  async #load(snapshot: Snapshot, project: ProjectRow): Promise<string | undefined> {
    const attached = attachmentsOf(snapshot, project.name);
    const refs = attached.flatMap(({ name }) => {
      const { env = [], headers = [] } = snapshot.named("server", name)?.spec ?? {};
      return [...env, ...headers].flatMap(({ valueFrom }) => valueFrom?.secretRef ?? []);
    });
    const current = new Set<string>();
    const unread = new Set<string>();
    const reads = refs.map(async ({ name, key }) => {
      const row = snapshot.named("secret", name);
      // Without it a server does not start.
      if (!row?.status.keys.includes(key)) return;
      unread.add(name);
      const values = await this.#read(row);
      for (const form of secretForms(values[key] ?? "")) current.add(form);
      unread.delete(name);
    });
    const withoutTokens = new Set<string>();
    const tokenReads = attached.map(async ({ name }) => {
      const server = snapshot.named("server", name);
      if (!server) return;
      withoutTokens.add(name);
      for (const token of await this.#readTokens(server.id))
        for (const form of secretForms(token)) current.add(form);
      withoutTokens.delete(name);
    });
    await within(timeout, Promise.allSettled([...reads, ...tokenReads]));
    const [name] = unread;
    if (name !== undefined) return `secret "${name}" cannot be read, so its value cannot be masked`;
    const [server] = withoutTokens;
    if (server !== undefined)
      return `the tokens for server "${server}" cannot be read, so they cannot be masked`;
    if (current.size > maxForms) return "its MCP servers have too many secrets to mask";
    this.#remember(current);
    return undefined;
  }

  /** Puts the current values behind all others, of which the oldest are forgotten. */
  #remember(current: ReadonlySet<string>): void {
    for (const form of current) {
      this.#forms.delete(form);
      this.#forms.add(form);
    }
    for (const form of this.#forms) {
      if (this.#forms.size <= maxForms) return;
      this.#forms.delete(form);
    }
  }
}
