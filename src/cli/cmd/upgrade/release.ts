import { createPublicKey, verify } from "node:crypto";
import { AppError } from "../../../errors.ts";
import { releaseKey } from "../../../version.ts";
import type { Context } from "../../core/context.ts";
import { download, updateFolder } from "./download.ts";

/** A release as `SHA256SUMS` in its folder describes it. */
export interface PublishedRelease {
  version: string;
  folder: URL;
  /** SHA-256 in hexadecimal, by the name of the file. */
  sums: ReadonlyMap<string, string>;
  /** True if a known key has signed it. */
  signed: boolean;
}

const name = "SHA256SUMS";
const archiveName =
  /^mcpctl-(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)-(?:linux|darwin|windows)-[a-z0-9-]+\.tar\.gz$/;

/**
 * Reads the newest release. With a key, its signature must be right.
 *
 * @throws AppError if it cannot be read, or is not what the key has signed (T253)
 */
export async function newestRelease(context: Context): Promise<PublishedRelease> {
  const key = context.env["MCPCTL_UPDATE_KEY"] || releaseKey;
  const folder = updateFolder(context.env, key !== undefined);
  const text = await small(new URL(name, folder), 256 * 1024, context);
  if (key !== undefined) {
    const signature = await small(new URL(`${name}.sig`, folder), 1024, context);
    if (!isSignedBy(key, text, signature))
      throw new AppError(
        "invalid_request",
        `the signature of ${name} is not that of the key that is trusted`,
        {
          hint: "nothing was changed; whoever publishes releases there does not have the key",
        },
      );
  }
  return { ...parseSums(text), folder, signed: key !== undefined };
}

/** Parses the lines of `sha256sum`. Throws AppError if they name no release, or several. */
export function parseSums(text: string): Pick<PublishedRelease, "version" | "sums"> {
  const sums = new Map<string, string>();
  const versions = new Set<string>();
  for (const line of text.split("\n").filter(Boolean)) {
    const [, sum, file] = /^([0-9a-f]{64}) [ *]([\w.+~-]+)$/.exec(line) ?? [];
    if (sum === undefined || file === undefined || sums.has(file))
      throw unreadable("a line of it is not a sum");
    sums.set(file, sum);
    const version = archiveName.exec(file)?.[1];
    if (version !== undefined) versions.add(version);
  }
  const [version, ...others] = versions;
  if (version === undefined) throw unreadable("it names no program");
  if (others.length > 0) throw unreadable("it names several versions");
  return { version, sums };
}

function unreadable(why: string): AppError {
  return new AppError("invalid_request", `${name} of the release cannot be read: ${why}`);
}

/** True if a signature of Ed25519 in base64 belongs to the text. Throws AppError `usage` if the key is none. */
export function isSignedBy(key: string, text: string, signature: string): boolean {
  const raw = Buffer.from(key.trim(), "base64");
  if (raw.length !== 32)
    throw new AppError("usage", "MCPCTL_UPDATE_KEY is no public key: it must be 32 bytes in base64");
  // The form of a public key (SPKI), in which Ed25519 has these first bytes.
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
  return verify(null, Buffer.from(text), publicKey, Buffer.from(signature.trim(), "base64"));
}

async function small(url: URL, most: number, context: Context): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const bytes of download(url, most, context)) parts.push(bytes);
  return Buffer.concat(parts).toString("utf8");
}
