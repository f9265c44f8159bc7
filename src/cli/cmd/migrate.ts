import { AppError } from "../../errors.ts";
import { findKind } from "../../kinds/index.ts";
import { defineVerb } from "../core/command.ts";
import { type Migration, migrateSecrets } from "./migrate/migration.ts";

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
  args: {
    what: { type: "positional", required: false, complete: ["secrets"] },
    from: {
      type: "string",
      valueHint: "BACKEND",
      description: "The secret backend they are on",
      complete: { kind: "secretbackend" },
    },
    to: {
      type: "string",
      valueHint: "BACKEND",
      description: "The secret backend they go to",
      complete: { kind: "secretbackend" },
    },
    names: {
      type: "string",
      multiple: true,
      valueHint: "NAME,NAME",
      description: "Only these secrets; all when left out",
      complete: [],
    },
    "keep-source": { type: "boolean", description: "Leave the copies where they were" },
    "dry-run": { type: "boolean", description: "Change nothing, only say what would happen" },
  },
  async run(args, context) {
    const { what, from, to } = args;
    // Before what is missing: whoever means something else needs to know that first.
    if (what === undefined || findKind(what)?.kind !== "secret")
      throw new AppError("usage", what === undefined ? "migrate what?" : `"${what}" cannot be migrated`, {
        hint: "there is: mcpctl migrate secrets --from BACKEND --to BACKEND",
      });
    if (from === undefined || to === undefined)
      throw new AppError("usage", `--${from === undefined ? "from" : "to"} is missing`);
    const migration: Migration = { from, to };
    if (args.names.length > 0) migration.names = namesIn(args.names);
    if (args["keep-source"]) migration.keepSource = true;
    if (args["dry-run"]) migration.dryRun = true;
    return migrateSecrets(migration, context);
  },
});

/** `a,b` and `--names a --names b` alike. */
function namesIn(texts: readonly string[]): string[] {
  const names = texts.flatMap((text) => text.split(",")).map((name) => name.trim());
  if (names.includes("")) throw new AppError("usage", "--names has an empty name in it");
  return [...new Set(names)];
}
