import { AppError } from "../../errors.ts";
import { defineVerb } from "../core/command.ts";
import { wantsJson } from "../output/format.ts";
import { keyFlags, keyOf, lockOf } from "./backup/keys.ts";
import { saveBackup } from "./backup/save.ts";
import { verifyBackup } from "./backup/verify.ts";

/** `mcpctl backup [FILE|-]` and `mcpctl backup verify FILE` */
export const backup = defineVerb({
  meta: {
    name: "backup",
    description: "Save all of a server in one file, or check such a file",
    about: `The file has all objects, the hashes of passwords and tokens, the threads of personas, the audit log and the
      usage, as they were at one moment; the server works on meanwhile. "mcpctl restore" puts it into SQLite or
      PostgreSQL, whichever it came from. It is a tar archive, compressed with zstd: one file of JSON lines for each
      table, and a manifest with the hash of each. Without FILE it gets a name with the time in it; - writes to standard
      output. A file that stands already is not overwritten.

      Values of secrets stay out, unless you add --with-secrets: the file is then encrypted with age, for the public keys
      of --recipient, or with the passphrase in a file. Sealed secrets are in every backup, and of no use without the master
      key; those elsewhere stay there. Logins are never in it.

      "verify" checks every byte of a file, without a server. A backup needs the operation backup: it lets you read
      everything that others keep on the server.`,
    usage: "[FILE | - | verify FILE] [flags]",
    examples: [
      ["mcpctl backup", "Save everything but values of secrets in this folder"],
      [
        "mcpctl backup --with-secrets --recipient age1... home.tar.zst.age",
        "Save everything, for the holder of a key of age",
      ],
      ["mcpctl backup - | ssh nas 'cat > mcpctl.tar.zst'", "Save it on another machine"],
      ["mcpctl backup verify home.tar.zst", "Check a file"],
    ],
  },
  output: ["json"],
  args: {
    file: { type: "positional", required: false, description: "The file, or verify", complete: ["verify"] },
    checked: { type: "positional", required: false, description: "The file to verify", complete: [] },
    "with-secrets": { type: "boolean", description: "Also save the values of secrets; needs encryption" },
    "without-audit": { type: "boolean", description: "Leave out the audit log and the usage" },
    recipient: {
      type: "string",
      multiple: true,
      valueHint: "AGE-KEY",
      description: "Encrypt for this public key of age",
      complete: [],
    },
    ...keyFlags,
  },
  async run(args, context) {
    const json = wantsJson(context.flags.output);
    const { file, checked } = args;
    if (file === "verify") {
      if (checked === undefined) throw new AppError("usage", "the file to verify is missing");
      if (args["with-secrets"] || args["without-audit"] || args.recipient.length > 0)
        throw new AppError("usage", "verify takes only --identity and --passphrase-file");
      return await verifyBackup(checked, await keyOf(args, context), json, context);
    }
    if (checked !== undefined) throw new AppError("usage", `unexpected argument "${checked}"`);
    if (args.identity !== undefined)
      throw new AppError("usage", "--identity is for verify", {
        hint: "A backup is encrypted with --recipient.",
      });
    const lock = await lockOf(args, context);
    if (args["with-secrets"] && !lock)
      throw new AppError("usage", "--with-secrets needs --recipient or --passphrase-file", {
        hint: "The file has keys in it, so it is encrypted.",
      });
    const options = { secrets: args["with-secrets"], audit: !args["without-audit"], lock };
    await saveBackup(file, options, json, context);
  },
});
