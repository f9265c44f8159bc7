import type { Database, Statement } from "bun:sqlite";

/**
 * A database whose `prepare` gives back the statement it prepared for the same text before. drizzle prepares
 * anew for each query, which takes half of its time, and what it leaves to the garbage collector keeps the file
 * and its log open after `close`. `finalize` ends all of them.
 */
export function keepStatements(database: Database): { client: Database; finalize(): void } {
  const kept = new Map<string, Statement>();
  const prepare = (text: string) => {
    const statement = kept.get(text) ?? database.prepare(text);
    kept.set(text, statement);
    return statement;
  };
  return {
    client: Object.create(database, { prepare: { value: prepare } }),
    finalize() {
      for (const statement of kept.values()) statement.finalize();
      kept.clear();
    },
  };
}
