import { type SQL, sql } from "drizzle-orm";
import { buried } from "./buried-rows.ts";

/**
 * A condition of a transaction, which is refused as stale unless it holds in the database at that moment. What a server has
 * read before may have changed since, also by another server.
 */
export type WriteCondition =
  /** The user has this hash of a password; null for none. */
  | { op: "ifPassword"; userId: string; hash: string | null }
  /** The users and tokens of a principal exist, its login sessions have not ended, and its bearer was not replaced. */
  | Standing
  /** A server works on the batch, which is in this state. */
  | { op: "ifBatch"; id: string; state: string; runner: string }
  /** No row of a kind was added, changed or deleted after a revision. */
  | { op: "ifUnchanged"; kind: string; since: number }
  /**
   * After a revision no llm was added or changed that has one of these names, as its own or that of its pool, or that has
   * aliases. Without names: no llm at all.
   */
  | { op: "ifNamesFree"; names: readonly string[] | undefined; since: number };

/** The condition of every write on behalf of a principal: it is refused as `ended` once the principal has ended. */
export interface Standing {
  op: "ifStanding";
  /** Ids of users, tokens and grants of MCP clients. */
  rows: readonly string[];
  /** Ids of login sessions. */
  sessions: readonly string[];
  /** The hash of the bearer of a token. */
  bearer?: string;
}

const operations: ReadonlySet<string> = new Set<WriteCondition["op"]>([
  "ifPassword",
  "ifStanding",
  "ifBatch",
  "ifUnchanged",
  "ifNamesFree",
]);

export function isCondition<W extends { op: string }>(write: W | WriteCondition): write is WriteCondition {
  return operations.has(write.op);
}

/** Returns the reason for which a transaction is refused if a condition does not hold. */
export function refusalBy({ op }: WriteCondition): "ended" | "stale" {
  return op === "ifStanding" ? "ended" : "stale";
}

/** Returns a query that finds a row if a condition does not hold. It is the same in both dialects. */
export function violationOf(condition: WriteCondition): SQL {
  switch (condition.op) {
    case "ifPassword": {
      const { userId, hash } = condition;
      const held = sql`select 1 from credentials where resource_id = ${userId} and type = 'password'`;
      return hash === null ? held : sql`select 1 where not exists (${held} and hash = ${hash})`;
    }
    case "ifStanding": {
      const { rows, sessions, bearer } = condition;
      const facts = [
        ...rows.map((id) => sql`select 1 from resources where id = ${id} and kind <> ${buried}`),
        ...sessions.map((id) => sql`select 1 from sessions where id = ${id}`),
        ...(bearer === undefined
          ? []
          : [sql`select 1 from credentials where type = 'bearer' and hash = ${bearer}`]),
      ];
      const missing = facts.map((fact) => sql`not exists (${fact})`);
      return sql`select 1 where ${sql.join(missing, sql` or `)}`;
    }
    case "ifBatch": {
      const { id, state, runner } = condition;
      return sql`select 1 where not exists (
        select 1 from inference_batches where id = ${id} and state = ${state} and runner = ${runner})`;
    }
    case "ifUnchanged":
      return sql`select 1 from changes where revision > ${condition.since} and kind = ${condition.kind} limit 1`;
    case "ifNamesFree": {
      const { names, since } = condition;
      const changed = sql`select 1 from changes join resources on resources.id = changes.id
        where revision > ${since} and changes.kind = 'llm'`;
      if (!names) return sql`${changed} limit 1`;
      const list = sql.join(
        names.map((name) => sql`${name}`),
        sql`, `,
      );
      return sql`${changed} and (name in (${list}) or spec->>'poolName' in (${list})
        or coalesce(spec->>'aliases', '[]') <> '[]') limit 1`;
    }
  }
}
