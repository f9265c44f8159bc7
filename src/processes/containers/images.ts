import { AppError } from "../../errors.ts";
import { LineSplitter } from "../line-splitter.ts";
import { tryCommand } from "../try-command.ts";
import type { FoundEngine } from "./engines.ts";

/** A name of a registry, a path, a tag and a digest, and nothing that could be a flag. */
const reference = /^[a-z0-9][a-z0-9._/:-]*(?:@sha256:[0-9a-f]{64})?$/i;
const longestReference = 500;

/**
 * Checks the name of an image.
 *
 * @throws AppError `invalid_request` for flags, addresses with a scheme and other texts (T147)
 */
export function checkImage(image: string): void {
  if (image.length <= longestReference && reference.test(image) && !image.includes("://")) return;
  throw new AppError("invalid_request", `"${image.slice(0, 100)}" is not the name of an image`, {
    hint: "write it as for docker pull: ghcr.io/owner/name:1.2.3",
  });
}

/** A pull is ended after so many milliseconds. */
const pullTimeout = 15 * 60_000;
const longestLine = 500;
/** The last lines of a pull that failed, in its error. */
const keptLines = 3;

/**
 * Pulls an image that the host does not have.
 *
 * @param onProgress takes lines such as `Copying blob 3f4e…`
 * @throws AppError `unavailable` with the engine's last lines
 */
export async function pullMissing(
  engine: FoundEngine,
  env: Readonly<Record<string, string>>,
  image: string,
  onProgress: (line: string) => void,
): Promise<void> {
  const known = await tryCommand([engine.path, "image", "inspect", image], env);
  if (known.code === 0) return;
  onProgress(`pulling ${image}`);
  const child = Bun.spawn([engine.path, "pull", image], {
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: pullTimeout,
    killSignal: "SIGKILL",
  });
  const last: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const lines = new LineSplitter({ separator: /[\r\n]+/, longest: longestLine });
    const take = (line: string) => {
      if (line.trim() === "") return;
      last.push(line.slice(0, longestLine));
      onProgress(line.slice(0, longestLine));
    };
    for await (const part of stream) lines.push(part).forEach(take);
    take(lines.end());
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  if ((await child.exited) === 0) return;
  throw new AppError(
    "unavailable",
    `the image ${image} cannot be pulled: ${last.slice(-keptLines).join(" ")}`,
    {
      retryAfter: 30,
      hint: "check the name, the tag and whether the registry needs a login",
    },
  );
}
