import { resolve } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import type { BackupManifest } from "../../backup/manifest.ts";
import { readBackup, rowCounter } from "../../backup/read-backup.ts";
import { AppError, isErrorCode } from "../../errors.ts";
import { nullable, oneOf } from "../../kinds/define.ts";
import { jsonText } from "../../wire/text.ts";
import { Name, Time, Words } from "../client/answers.ts";
import { ndjson } from "../client/ndjson.ts";
import { answerShape } from "../client/shape.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { warnOnTheWay } from "../core/plain-http.ts";
import { sizeText } from "../output/cells.ts";
import { wantsJson } from "../output/format.ts";
import { progressOn } from "../terminal/progress.ts";
import { opened, openedFile } from "./backup/backup-file.ts";
import { keyFlags, keyOf } from "./backup/keys.ts";

const Counts = Type.Object({ created: Type.Integer(), replaced: Type.Integer(), skipped: Type.Integer() });
const Restored = Type.Object({
  backup: Type.Object({ createdAt: Time, version: Words }),
  merge: nullable(oneOf(["skip", "replace"])),
  dryRun: Type.Boolean(),
  rows: Type.Record(Type.String(), Counts),
  objects: Type.Array(Type.Object({ kind: Name, name: Words, result: Words, reason: Type.Optional(Words) })),
  switchedOff: Type.Array(Words),
  withoutValues: Type.Array(Words),
  missingMasterKeys: Type.Optional(Type.Array(Words)),
});
type Restored = Static<typeof Restored>;

/** A line of the response: progress, then the result or an error. */
const lineShape = answerShape(
  Type.Union([
    Type.Object({ phase: Words, bytes: Type.Optional(Type.Integer()), rows: Type.Optional(Type.Integer()) }),
    Type.Object({ restored: Restored }),
    Type.Object({ error: Type.Object({ code: Words, message: Words, hint: Type.Optional(Words) }) }),
  ]),
);

/** `mcpctl restore FILE` */
export const restore = defineVerb({
  meta: {
    name: "restore",
    description: "Fill a server from a backup",
    about: `Ids, versions, owners, passwords and tokens are those of the backup, so that tools go on working with the tokens
      that they have. All of it happens in one transaction, or nothing: the server checks every hash before it writes. It
      also moves a server from SQLite to PostgreSQL, and back.

      The server must be new. Into one that is in use: --merge skip leaves objects as they are that stand there already,
      --merge replace sets them to what the backup has; neither deletes anything, and both leave the audit log and the
      usage alone.

      No program is started. Servers that run programs on the host come back switched off, unless you hold the operation
      host-processes. A restore needs the operation restore, which is the right to everything: a backup decides who may do
      what. Use only backups that you trust.`,
    usage: "FILE|- [flags]",
    examples: [
      ["mcpctl restore home.tar.zst", "Fill a new server"],
      ["mcpctl restore home.tar.zst.age --identity key.txt", "Fill it from an encrypted backup"],
      ["mcpctl restore home.tar.zst --merge skip --dry-run", "Show which objects a server lacks"],
    ],
  },
  output: ["json"],
  args: {
    file: { type: "positional", description: "The backup; - reads standard input" },
    merge: {
      type: "enum",
      options: ["skip", "replace"],
      description: "Restore into a server that is in use: skip or replace the objects that stand there",
    },
    "dry-run": {
      type: "boolean",
      description: "Check everything, show what would change, and change nothing",
    },
    ...keyFlags,
  },
  async run(args, context) {
    const json = wantsJson(context.flags.output);
    const key = await keyOf(args, context);
    const path = resolve(context.cwd, args.file);
    const client = await context.client();
    // A wrong passphrase or a damaged file is found before anything is sent.
    const manifest = args.file === "-" ? undefined : await checked(openedFile(path, key), context);
    if (manifest?.secrets !== "references")
      warnOnTheWay(client.endpoint.url, "the values of secrets", context.terminal);
    const bytes =
      args.file === "-" ? opened(context.terminal.input(), "standard input", key) : openedFile(path, key);
    const restored = await send(bytes, { merge: args.merge, dryRun: args["dry-run"] }, context);
    if (json) return context.terminal.out(jsonText(restored));
    print(restored, context);
  },
});

/** Checks a backup. Throws AppError if it is damaged. */
async function checked(bytes: AsyncIterable<Uint8Array>, context: Context): Promise<BackupManifest> {
  const progress = progressOn(context);
  let rows = 0;
  try {
    const counter = rowCounter((count) => {
      rows += count;
      progress.show(`checking: ${rows} rows`);
    });
    return await readBackup(bytes, counter);
  } finally {
    progress.end();
  }
}

async function send(
  bytes: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  { merge, dryRun }: { merge: string | undefined; dryRun: boolean },
  context: Context,
): Promise<Restored> {
  const { signal } = context;
  const client = await context.client();
  const progress = progressOn(context);
  let sent = 0;
  let failure: unknown;
  let isOver = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = await bytes.next().catch((error: unknown) => {
        failure = error;
        throw error;
      });
      // The server may have answered meanwhile.
      if (isOver) return;
      if (next.done) return controller.close();
      sent += next.value.length;
      progress.show(`sending: ${sizeText(sent)}`);
      controller.enqueue(next.value);
    },
    async cancel() {
      isOver = true;
      await bytes.return(undefined);
    },
  });
  try {
    const answer = await client.stream("POST", "/api/v1/restore", {
      query: { merge, ...(dryRun && { dryRun: "true" }) },
      bytes: body,
      headers: { "content-type": "application/zstd" },
      accept: "application/x-ndjson",
    });
    for await (const line of ndjson(answer, lineShape, signal)) {
      if ("phase" in line)
        progress.show(`${line.phase}: ${sizeText(line.bytes ?? sent)}, ${line.rows ?? 0} rows`);
      if ("restored" in line) return line.restored;
      if ("error" in line) throw errorOf(line.error);
    }
  } catch (error) {
    throw failure ?? error;
  } finally {
    progress.end();
  }
  throw new AppError(
    "connection_failed",
    "the connection to the server was lost: it may have restored the backup",
    {
      hint: "Look with: mcpctl get all",
    },
  );
}

function errorOf({ code, message, hint }: { code: string; message: string; hint?: string }): AppError {
  return new AppError(isErrorCode(code) ? code : "internal", message, hint === undefined ? {} : { hint });
}

function print(restored: Restored, { terminal }: Context): void {
  const { dryRun, rows, objects, backup, switchedOff, withoutValues, missingMasterKeys = [] } = restored;
  const { created = 0, replaced = 0, skipped = 0 } = rows["resources"] ?? {};
  for (const { kind, name, result, reason } of objects)
    if (reason !== undefined || dryRun)
      terminal.out(`${kind} '${name}' ${result}${reason ? ` (${reason})` : ""}\n`);
  const others = Object.entries(rows).filter(([table]) => table !== "resources");
  const more = others.reduce((sum, [, counts]) => sum + counts.created + counts.replaced, 0);
  const what = `${created} objects created, ${replaced} replaced, ${skipped} skipped, ${more} other rows`;
  const when = `backup of ${backup.createdAt} by mcpctl ${backup.version}`;
  terminal.out(
    dryRun ? `dry run, nothing was changed: ${what} (${when})\n` : `restored: ${what} (${when})\n`,
  );
  if (switchedOff.length > 0)
    warn(
      terminal,
      `switched off, because you may not run programs on the host of the server: ${switchedOff.join(", ")}. To switch one on: mcpctl patch server NAME replicas=1`,
    );
  if (missingMasterKeys.length > 0)
    warn(
      terminal,
      `the server lacks the master key ${missingMasterKeys.join(", ")} of sealed secrets: they cannot be used, and its next start needs --master-key-file with that key`,
    );
  if (withoutValues.length > 0)
    warn(
      terminal,
      `the backup has no values of these secrets: ${withoutValues.join(", ")}. To set them: mcpctl create secret NAME --data KEY=- --force`,
    );
}
