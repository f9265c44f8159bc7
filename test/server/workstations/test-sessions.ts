import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { RoleBinding } from "../../../src/kinds/grants.ts";
import { compilePolicy, type Principal } from "../../../src/server/core/access/policy.ts";
import { Quotas } from "../../../src/server/core/access/quotas.ts";
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

/** Returns the principal of a user that holds some grants. Every test has the rows of `alice` and `bob`. */
export function user(
  name: string,
  grants: RoleBinding[] = [{ role: "expose", resource: "llms" }],
): Principal {
  const id = `usr_${name}`;
  const policies = [compilePolicy(grants)];
  return { kind: "User", id, name, userId: id, userName: name, groups: [], policies };
}

/** Returns an llm to publish. */
export function provider(name: string, more: Partial<PublishedProvider> = {}): PublishedProvider {
  return { name, type: "vllm", model: "qwen", ...more };
}

/** Clocks that a test sets: milliseconds since 1970, and milliseconds on a monotonic clock. */
export interface Clocks {
  now: number;
  elapsed: number;
}

export interface TestSessions {
  clocks: Clocks;
  store: Store;
  catalogue: Catalogue;
  sessions: ProviderSessions;
  /** Errors that the sessions have reported. */
  errors: unknown[];
  /** Streams to close, without the id of their session: `superseded EPOCH`, `lapsed EPOCH`. */
  closings: string[];
  register(body: Partial<RegisterRequest>, caller?: Principal): Promise<RegisterResponse>;
  /** Registers and attaches an agent. Returns the id of its session and the epoch of its stream. */
  attachAgent(body: Partial<RegisterRequest>, caller?: Principal): Promise<{ id: string; epoch: number }>;
  /** Returns the status of an llm; undefined if there is none. */
  status(name: string): unknown;
  /** Returns the llm of a name if the session has published it. */
  llmOf(sessionId: string, name: string): LlmRow | undefined;
  /** Moves the clocks forward, and checks leases every 10 s as a server does. */
  advance(milliseconds: number): Promise<void>;
  /** Starts a second server on the same database. `advance` lets it read changes and check leases too. */
  startSecondServer(skew?: { milliseconds: number }): Promise<TestSessions>;
  /** Closes this server and starts another one on the same database some time later. */
  restart(milliseconds?: number): Promise<TestSessions>;
}

export interface TestSessionsOptions {
  clocks?: Clocks;
  /** The path of the SQLite file. */
  path?: string;
  /** The revisions of the link protocol that agents may speak; by default all of them. */
  revisions?: readonly LinkRevision[];
}

/** Starts sessions with a real catalogue in a SQLite file. Its clocks stand still. */
export async function startTestSessions({
  clocks = { now: Date.parse("2026-11-21T10:00:00Z"), elapsed: 5_000 },
  path = join(temporaryFolder(), "mcpctl.db"),
  revisions,
}: TestSessionsOptions = {}): Promise<TestSessions> {
  const store = await openStore({ path, now: () => clocks.now });
  const catalogue = await Catalogue.open(store, () => {});
  if (catalogue.snapshot.byId.size === 0)
    await catalogue.commit(
      ["alice", "bob"].map((name) => ({ op: "insert", row: row(`usr_${name}`, "user", name), refs: [] })),
    );
  return await sessionsOver(store, catalogue, { clocks, path, ...(revisions && { revisions }) });
}

async function sessionsOver(
  store: Store,
  catalogue: Catalogue,
  options: TestSessionsOptions & { clocks: Clocks },
): Promise<TestSessions> {
  const { clocks, revisions } = options;
  const errors: unknown[] = [];
  const closings: string[] = [];
  const sessions = await ProviderSessions.open({
    catalogue,
    now: () => clocks.now,
    elapsed: () => clocks.elapsed,
    random: systemRandom,
    quotas: new Quotas(),
    requestId: () => "req_own",
    onError: (error) => void errors.push(error),
    ...(revisions && { revisions }),
  });
  sessions.onSuperseded((_, epoch) => void closings.push(`superseded ${epoch}`));
  sessions.onLapsed((_, epoch) => void closings.push(`lapsed ${epoch}`));
  let isOpen = true;
  let second: TestSessions | undefined;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await second?.sessions.close();
    await sessions.close();
    catalogue.close();
    await store.close();
  };
  onTestFinished(close);
  const register: TestSessions["register"] = (body, caller = user("alice")) =>
    sessions.register(
      { principal: caller, requestId: "req_1" },
      {
        protocol: 2,
        providers: [],
        ...body,
      },
    );
  return {
    clocks,
    store,
    catalogue,
    sessions,
    errors,
    closings,
    register,
    async attachAgent(body, caller = user("alice")) {
      const { providerSessionId: id } = await register(body, caller);
      const { epoch } = await sessions.attach(caller, id);
      await sessions.attached(id, epoch);
      return { id, epoch };
    },
    status: (name) => catalogue.snapshot.named("llm", name)?.status.status,
    llmOf(sessionId, name) {
      const llm = catalogue.snapshot.named("llm", name);
      return llm?.status.origin === "virtual" && llm.status.session === sessionId ? llm : undefined;
    },
    async advance(milliseconds) {
      for (let left = milliseconds; left > 0; left -= 10_000) {
        const step = Math.min(left, 10_000);
        clocks.now += step;
        clocks.elapsed += step;
        for (const server of [{ catalogue, sessions }, second]) {
          await server?.catalogue.refresh();
          await server?.sessions.checkLeases();
        }
      }
    },
    async startSecondServer(skew = { milliseconds: 0 }) {
      const skewed = {
        get now() {
          return clocks.now + skew.milliseconds;
        },
        get elapsed() {
          return clocks.elapsed;
        },
      };
      const catalogue = await Catalogue.open(store, () => {});
      second = await sessionsOver(store, catalogue, { ...options, clocks: skewed });
      return second;
    },
    async restart(milliseconds = 0) {
      await close();
      // The monotonic clock of another process starts anew, and its release may know other revisions.
      const { path } = options;
      const clocksAfter = { now: clocks.now + milliseconds, elapsed: 77 };
      return await startTestSessions({ clocks: clocksAfter, ...(path !== undefined && { path }) });
    },
  };
}
