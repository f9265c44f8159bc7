import { AppError } from "../../errors.ts";
import { findKind } from "../../kinds/index.ts";
import { defineVerb } from "../core/command.ts";
import { type MigrationArguments, migrateSecrets } from "./migrate/migration.ts";

/** `mcpctl migrate secrets --from BACKEND --to BACKEND` */
export const migrate = defineVerb({
  meta: {
    name: "migrate",
    description: "Move secrets from one secret backend to another",
    about: `The server copies one secret after the other, reads each copy back, compares it, and only then deletes the
      source. The names of the secrets stay the same, so that llms keep working meanwhile. If it is interrupted, run
      it again: it continues where it stopped. It needs the operation migrate-secrets.`,
    usage: "secrets --from BACKEND --to BACKEND [flags]",
    examples: [
      ["mcpctl migrate secrets --from default --to bao --dry-run", "Show what would be done"],
      ["mcpctl migrate secrets --from default --to bao", "Move all secrets"],
      ["mcpctl migrate secrets --from default --to bao --names anthropic,openai", "Move two secrets"],
    ],
  },
  output: ["json"],
  args: {
    what: { type: "positional", required: false, complete: ["secrets"] },
    from: {
      type: "string",
      valueHint: "BACKEND",
      description: "The secret backend with the secrets",
      complete: { kind: "secretbackend" },
    },
    to: {
      type: "string",
      valueHint: "BACKEND",
      description: "The secret backend to move them to",
      complete: { kind: "secretbackend" },
    },
    names: {
      type: "string",
      multiple: true,
      valueHint: "NAME,NAME",
      description: "Only these secrets; all if left out",
      complete: [],
    },
    "keep-source": { type: "boolean", description: "Do not delete the secrets at the source" },
    "dry-run": { type: "boolean", description: "Show what would be done, and change nothing" },
  },
  async run(args, context) {
    const { what, from, to } = args;
    // Checked first: another error would hide that only secrets can be migrated.
    if (what === undefined || findKind(what)?.kind !== "secret")
      throw new AppError(
        "usage",
        what === undefined ? 'the word "secrets" is missing' : `"${what}" cannot be migrated`,
        {
          hint: "write: mcpctl migrate secrets --from BACKEND --to BACKEND",
        },
      );
    if (from === undefined || to === undefined)
      throw new AppError("usage", `--${from === undefined ? "from" : "to"} is missing`);
    const migration: MigrationArguments = { from, to };
    if (args.names.length > 0) migration.names = namesIn(args.names);
    if (args["keep-source"]) migration.keepSource = true;
    if (args["dry-run"]) migration.dryRun = true;
    return migrateSecrets(migration, context);
  },
});

/** Reads `--names a,b` and `--names a --names b`. */
function namesIn(texts: readonly string[]): string[] {
  const names = texts.flatMap((text) => text.split(",")).map((name) => name.trim());
  if (names.includes("")) throw new AppError("usage", "--names contains an empty name");
  return [...new Set(names)];
}
