import type { Database, Statement } from "bun:sqlite";

/**
 * Returns a database whose `prepare` keeps statements by their text. drizzle prepares a statement for each query, which
 * takes half of the time of the query, and statements that wait for the garbage collector keep the file and its log open
 * after `close`. `finalize` closes all of them.
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
