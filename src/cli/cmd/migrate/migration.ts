import { AppError } from "../../../errors.ts";
import { ndjson } from "../../client/ndjson.ts";
import type { Context } from "../../core/context.ts";
import { reportFailure, warn } from "../../core/failure.ts";
import { escapeLine } from "../../output/escape.ts";
import { jsonText, wantsJson } from "../../output/format.ts";
import { paint } from "../../output/paint.ts";
import { type Later, later, progressOn } from "../../terminal/progress.ts";

/** Which secrets go where: the body of `POST /api/v1/secrets/migrate`. */
export interface Migration {
  from: string;
  to: string;
  /** All of `from` when left out. */
  names?: string[];
  keepSource?: true;
  dryRun?: true;
}

/** What became of one secret. */
interface Result {
  name: string;
  result: "migrated" | "skipped" | "planned" | "failed";
  reason?: string;
  /** Why the source's copy is still there. */
  left?: string;
}

type Summary = Record<Result["result"], number>;

/** A line of the answer: first how many there are, then what became of each, at last the counts. */
type Line = { total: number } | Result | { summary: Summary };

/**
 * Has the server migrate secrets, and tells what becomes of each as it happens.
 *
 * @param after how waiting is done, for the progress
 * @returns the exit code
 * @throws AppError when the server refuses, goes away before it is done, or Ctrl-C is pressed
 */
export async function migrateSecrets(
  migration: Migration,
  context: Context,
  after: Later = later,
): Promise<number> {
  const { terminal, signal } = context;
  const json = wantsJson(context.flags.output);
  const client = await context.client();
  const results: Result[] = [];
  let summary: Summary | undefined;
  let total: number | undefined;
  const progress = progressOn(context, after);
  try {
    const { body } = await client.raw("POST", "/api/v1/secrets/migrate", {
      body: migration,
      accept: "application/x-ndjson",
    });
    for await (const line of ndjson(body, signal) as AsyncGenerator<Line>) {
      if ("summary" in line) summary = line.summary;
      if ("total" in line) total = line.total;
      if ("result" in line) {
        results.push(line);
        progress.erase();
        tell(line, migration.dryRun, json, context);
      }
      if (total !== undefined) progress.show(`migrating ${Math.min(results.length + 1, total)} of ${total}`);
    }
  } finally {
    progress.end();
    const { from, to } = migration;
    // A server that went away in the middle is no reason to keep quiet about what was done before.
    if (json && total !== undefined) terminal.out(jsonText({ from, to, results, summary: summary ?? null }));
  }
  if (!summary)
    throw new AppError(
      "connection_failed",
      "the server went away; run it again, it goes on where it stopped",
    );
  if (total === 0) terminal.err(`No secrets on '${migration.from}'.\n`);
  if (summary.failed === 0) return 0;
  terminal.err(`${paint(terminal.errColor, "dim", "hint:")} run it again: what is done already is skipped\n`);
  return 1;
}

/** One secret: a line on stdout, and on stderr what went wrong with it. */
function tell(result: Result, dryRun: boolean | undefined, json: boolean, context: Context): void {
  const { terminal, flags } = context;
  if (!json) terminal.out(`${escapeLine(sentence(result, dryRun))}\n`);
  const secret = `secret '${result.name}'`;
  if (result.result === "failed")
    reportFailure(
      new AppError("secret_unavailable", `${secret}: ${result.reason ?? "no reason was given"}`),
      terminal,
      flags.verbose,
    );
  if (result.left !== undefined) warn(terminal, `${secret}: ${result.left}`);
}

/** `secret 'openai' migrated`; in a dry run as it would be. */
function sentence({ name, result, reason }: Result, dryRun: boolean | undefined): string {
  const what = result === "planned" ? "migrated" : result;
  const notes = [dryRun && "dry run", result !== "failed" && reason].filter(
    (note) => typeof note === "string",
  );
  return `secret '${name}' ${what}${notes.length > 0 ? ` (${notes.join(": ")})` : ""}`;
}
