import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { RoleBinding } from "../../../src/kinds/grants.ts";
import { compilePolicy, type Principal } from "../../../src/server/core/access/policy.ts";
import { Catalogue } from "../../../src/server/core/catalogue/catalogue.ts";
import { systemRandom } from "../../../src/server/core/ids.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import type { LlmRow } from "../../../src/server/core/store/typed-rows.ts";
import type { Store } from "../../../src/server/core/store/types.ts";
import { ProviderSessions } from "../../../src/server/workstations/provider-sessions.ts";
import type {
  PublishedProvider,
  RegisterRequest,
  RegisterResponse,
} from "../../../src/wire/link/registration.ts";
import type { LinkRevision } from "../../../src/wire/link/revisions/revision.ts";
import { row } from "../../support/row.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

export const minute = 60_000;
export const hour = 60 * minute;

/** A user that holds some grants. The row is in every house: `alice` or `bob`. */
export function user(
  name: string,
  grants: RoleBinding[] = [{ role: "expose", resource: "llms" }],
): Principal {
  const id = `usr_${name}`;
  const policies = [compilePolicy(grants)];
  return { kind: "User", id, name, userId: id, userName: name, groups: [], policies };
}

export function provider(name: string, more: Partial<PublishedProvider> = {}): PublishedProvider {
  return { name, type: "vllm", model: "qwen", ...more };
}

/** Clocks, which a test moves. */
export interface Clocks {
  now: number;
  elapsed: number;
}

export interface House {
  clocks: Clocks;
  store: Store;
  catalogue: Catalogue;
  sessions: ProviderSessions;
  /** What the sessions complained of. */
  errors: unknown[];
  /** `superseded pvs_… 3`, `lapsed pvs_… 2`, without the id. */
  told: string[];
  register(body: Partial<RegisterRequest>, who?: Principal): Promise<RegisterResponse>;
  /** Registers and attaches; returns the session's id and the epoch of its stream. */
  arrive(body: Partial<RegisterRequest>, who?: Principal): Promise<{ id: string; epoch: number }>;
  /** The status of an llm; undefined when it is not there. */
  status(name: string): unknown;
  /** The llm of that name, if the session has published it. */
  llmOf(sessionId: string, name: string): LlmRow | undefined;
  /** Lets time pass, and looks after the sessions as often as a server does. */
  pass(milliseconds: number): Promise<void>;
  /** Another server on the same database, which hears of its changes when time passes. */
  beside(): Promise<House>;
  /** The same database after some time in which there was no server. */
  restart(milliseconds?: number): Promise<House>;
}

/** Sessions over a real catalogue in a SQLite file, with clocks that stand still. */
export async function openHouse(
  clocks: Clocks = { now: Date.parse("2026-11-21T10:00:00Z"), elapsed: 5_000 },
  path = join(temporaryFolder(), "mcpctl.db"),
  revisions?: readonly LinkRevision[],
): Promise<House> {
  const store = await openStore({ path, now: () => clocks.now });
  const catalogue = await Catalogue.open(store, () => {});
  if (catalogue.snapshot.byId.size === 0)
    await catalogue.commit(
      ["alice", "bob"].map((name) => ({ op: "insert", row: row(`usr_${name}`, "user", name), refs: [] })),
    );
  return await over(store, catalogue, clocks, path, revisions);
}

async function over(
  store: Store,
  catalogue: Catalogue,
  clocks: Clocks,
  path: string,
  revisions?: readonly LinkRevision[],
): Promise<House> {
  const errors: unknown[] = [];
  const told: string[] = [];
  const sessions = await ProviderSessions.open({
    catalogue,
    now: () => clocks.now,
    elapsed: () => clocks.elapsed,
    random: systemRandom,
    requestId: () => "req_own",
    onError: (error) => void errors.push(error),
    ...(revisions && { revisions }),
  });
  sessions.onSuperseded((_, epoch) => void told.push(`superseded ${epoch}`));
  sessions.onLapsed((_, epoch) => void told.push(`lapsed ${epoch}`));
  let isOpen = true;
  let neighbour: House | undefined;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await neighbour?.sessions.close();
    await sessions.close();
    catalogue.close();
    await store.close();
  };
  const look = async () => {
    await catalogue.refresh();
    await sessions.checkLeases();
    if (!neighbour) return;
    await neighbour.catalogue.refresh();
    await neighbour.sessions.checkLeases();
  };
  onTestFinished(close);
  const register: House["register"] = (body, who = user("alice")) =>
    sessions.register({ principal: who, requestId: "req_1" }, { protocol: 2, providers: [], ...body });
  return {
    clocks,
    store,
    catalogue,
    sessions,
    errors,
    told,
    register,
    async arrive(body, who = user("alice")) {
      const { providerSessionId: id } = await register(body, who);
      const { epoch } = await sessions.attach(who, id);
      await sessions.attached(id, epoch);
      return { id, epoch };
    },
    status: (name) => catalogue.snapshot.named("llm", name)?.status.status,
    llmOf(sessionId, name) {
      const llm = catalogue.snapshot.named("llm", name);
      return llm?.status.origin === "virtual" && llm.status.session === sessionId ? llm : undefined;
    },
    async pass(milliseconds) {
      for (let left = milliseconds; left > 0; left -= 10_000) {
        const step = Math.min(left, 10_000);
        clocks.now += step;
        clocks.elapsed += step;
        await look();
      }
    },
    async beside() {
      neighbour = await over(store, await Catalogue.open(store, () => {}), clocks, path);
      return neighbour;
    },
    async restart(milliseconds = 0) {
      await close();
      // A clock of another process starts anew.
      return await openHouse({ now: clocks.now + milliseconds, elapsed: 77 }, path);
    },
  };
}
