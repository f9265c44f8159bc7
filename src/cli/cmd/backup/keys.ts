import { type AgeKey, type AgeLock, checkRecipient, identitiesIn } from "../../../backup/age.ts";
import { AppError } from "../../../errors.ts";
import type { Context } from "../../core/context.ts";
import { readTextFile } from "../../core/text-file.ts";

/** The flags with which an encrypted backup is opened. */
export const keyFlags = {
  "passphrase-file": {
    type: "string",
    valueHint: "FILE",
    description: "The first line of this file is the passphrase",
  },
  identity: {
    type: "string",
    valueHint: "FILE",
    description: "A file with a secret key of age, to open a backup",
  },
} as const;

type KeyFlags = { "passphrase-file": string | undefined; identity: string | undefined };

/** Returns what opens an encrypted backup; undefined if no flag was given. Throws AppError `usage`. */
export async function keyOf(flags: KeyFlags, context: Context): Promise<AgeKey | undefined> {
  const { identity, "passphrase-file": file } = flags;
  if (identity !== undefined && file !== undefined)
    throw new AppError("usage", "--identity and --passphrase-file do not go together");
  if (file !== undefined) return { passphrase: await passphraseIn(file, context) };
  if (identity === undefined) return undefined;
  const identities = identitiesIn(await readTextFile(identity, context.cwd, "usage"));
  if (identities.length === 0) throw new AppError("usage", `there is no secret key of age in ${identity}`);
  return { identities };
}

/** Returns what a backup is encrypted with; undefined if no flag was given. Throws AppError `usage`. */
export async function lockOf(
  {
    recipient: recipients,
    "passphrase-file": file,
  }: { recipient: string[]; "passphrase-file": string | undefined },
  context: Context,
): Promise<AgeLock | undefined> {
  if (recipients.length > 0 && file !== undefined)
    throw new AppError("usage", "--recipient and --passphrase-file do not go together");
  for (const one of recipients) checkRecipient(one);
  if (recipients.length > 0) return { recipients };
  return file === undefined ? undefined : { passphrase: await passphraseIn(file, context) };
}

async function passphraseIn(file: string, { cwd }: Context): Promise<string> {
  const [first = ""] = (await readTextFile(file, cwd, "usage")).split(/\r?\n/, 1);
  if (first !== "") return first;
  throw new AppError("usage", `the first line of ${file} is empty, and should be the passphrase`);
}
