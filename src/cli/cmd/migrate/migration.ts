import { type Static, Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { type KindInfo, oneOf } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import { escapeLine, jsonText } from "../../../wire/text.ts";
import { Name, Words } from "../../client/answers.ts";
import type { ApiClient } from "../../client/client.ts";
import { ndjson } from "../../client/ndjson.ts";
import { withNearestName } from "../../client/objects.ts";
import { answerShape } from "../../client/shape.ts";
import type { Context } from "../../core/context.ts";
import { reportFailure, warn } from "../../core/failure.ts";
import { wantsJson } from "../../output/format.ts";
import { paint } from "../../terminal/paint.ts";
import { type Later, later, progressOn } from "../../terminal/progress.ts";

/** The body of `POST /api/v1/secrets/migrate`. */
export interface MigrationArguments {
  from: string;
  to: string;
  /** Default: all secrets of `from`. */
  names?: string[];
  keepSource?: true;
  dryRun?: true;
}

/** The result of one secret. `left` is the reason why the copy at the source was not deleted. */
const Result = Type.Object({
  name: Name,
  result: oneOf(["migrated", "skipped", "planned", "failed"]),
  reason: Type.Optional(Words),
  left: Type.Optional(Words),
});
type Result = Static<typeof Result>;
const Summary = Type.Object({ failed: Type.Integer() });

/** A line of the response: first the number of secrets, then the result of each, last the counts. */
const lineShape = answerShape(
  Type.Union([Type.Object({ total: Type.Integer() }), Result, Type.Object({ summary: Summary })]),
);

/** An error about one of the names of a migration, with the nearest one that there is. */
async function withNearestNames(
  error: unknown,
  migration: MigrationArguments,
  client: ApiClient,
): Promise<unknown> {
  const { from, to, names = [] } = migration;
  const [backend, secret] = [kindOf("secretbackend"), kindOf("secret")];
  const named = [[backend, from], [backend, to], ...names.map((name) => [secret, name] as const)] as const;
  const isAbout = ({ kind }: KindInfo, name: string) =>
    error instanceof AppError && error.message.includes(`${kind} "${name}"`);
  const about = named.find(([kind, name]) => isAbout(kind, name));
  return about ? withNearestName(error, ...about, client) : error;
}

/**
 * Has the server migrate secrets, and prints the result of each as it arrives.
 *
 * @param after the delay of the progress line; a test passes its own
 * @returns the exit code
 * @throws AppError if the server refuses, the connection is lost before the end, or Ctrl-C is pressed
 */
export async function migrateSecrets(
  migration: MigrationArguments,
  context: Context,
  after: Later = later,
): Promise<number> {
  const { terminal, signal } = context;
  const json = wantsJson(context.flags.output);
  const client = await context.client();
  const results: Result[] = [];
  let summary: Static<typeof Summary> | undefined;
  let total: number | undefined;
  const progress = progressOn(context, after);
  try {
    const answer = await client
      .stream("POST", "/api/v1/secrets/migrate", { body: migration, accept: "application/x-ndjson" })
      .catch(async (error: unknown) => {
        throw await withNearestNames(error, migration, client);
      });
    for await (const line of ndjson(answer, lineShape, signal)) {
      if ("summary" in line) summary = line.summary;
      if ("total" in line) total = line.total;
      if ("result" in line) {
        results.push(line);
        progress.erase();
        writeLine(line, migration.dryRun, json, context);
      }
      if (total !== undefined) progress.show(`migrating ${Math.min(results.length + 1, total)} of ${total}`);
    }
  } finally {
    progress.end();
    const { from, to } = migration;
    // Also after a failure, so that the results so far are known.
    if (json && total !== undefined) terminal.out(jsonText({ from, to, results, summary: summary ?? null }));
  }
  if (!summary)
    throw new AppError(
      "connection_failed",
      "the connection to the server was lost; run the command again to continue",
    );
  if (total === 0) terminal.err(`No secrets on '${migration.from}'.\n`);
  if (summary.failed === 0) return 0;
  terminal.err(
    `${paint(terminal.errColor, "dim", "hint:")} run the command again: secrets that are done are skipped\n`,
  );
  return 1;
}

/** Writes a line about one secret to stdout, and its error or warning to stderr. */
function writeLine(result: Result, dryRun: boolean | undefined, json: boolean, context: Context): void {
  const { terminal, flags } = context;
  if (!json) terminal.out(`${escapeLine(sentence(result, dryRun))}\n`);
  const secret = `secret '${result.name}'`;
  if (result.result === "failed")
    reportFailure(
      new AppError("secret_unavailable", `${secret}: ${result.reason ?? "the server gave no reason"}`),
      terminal,
      flags.verbose,
    );
  if (result.left !== undefined) warn(terminal, `${secret}: ${result.left}`);
}

/** `secret 'openai' migrated`; in a dry run the expected result. */
function sentence({ name, result, reason }: Result, dryRun: boolean | undefined): string {
  const what = result === "planned" ? "migrated" : result;
  const notes = [dryRun && "dry run", result !== "failed" && reason].filter(
    (note) => typeof note === "string",
  );
  return `secret '${name}' ${what}${notes.length > 0 ? ` (${notes.join(": ")})` : ""}`;
}
