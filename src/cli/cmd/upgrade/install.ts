import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { AppError } from "../../../errors.ts";
import { systemReason } from "../../../system-errors.ts";
import type { Context } from "../../core/context.ts";
import { sizeText } from "../../output/cells.ts";
import { progressOn } from "../../terminal/progress.ts";
import { download } from "./download.ts";
import { draftOf, type ProgramFile, replaceProgram } from "./program-file.ts";
import type { PublishedRelease } from "./release.ts";
import { memberOf } from "./unpack.ts";

/** More than a release of today has, and far less than a disk. */
const mostBytes = 400 * 1024 * 1024;

/**
 * Downloads the program of a release for a platform, checks its sum, tries it, and puts it in the place of the old one.
 * If anything fails, or the process is ended, the old program is untouched.
 *
 * @param step called before each change of the program's files, with its name
 * @throws AppError
 */
export async function installRelease(
  release: PublishedRelease,
  platform: string,
  program: ProgramFile,
  context: Context,
  step?: (name: string) => void,
): Promise<void> {
  const name = `mcpctl-${release.version}-${platform}.tar.gz`;
  const sum = release.sums.get(name);
  if (sum === undefined)
    throw new AppError(
      "not_found",
      `release ${release.version} has no program for this platform (${platform})`,
    );
  const archive = draftOf(program.path);
  const draft = draftOf(program.path);
  const progress = progressOn(context);
  try {
    const hash = new Bun.CryptoHasher("sha256");
    let size = 0;
    const bytes = download(new URL(name, release.folder), mostBytes, context);
    await write(archive, bytes, 0o600, (part) => {
      hash.update(part);
      size += part.length;
      progress.show(`downloading ${name}: ${sizeText(size)}`);
    });
    const actual = hash.digest("hex");
    if (actual !== sum)
      throw new AppError("invalid_request", `${name} has the wrong sum: ${actual} instead of ${sum}`, {
        hint: "nothing was changed; the download was cut off, or the file is not the one that was published",
      });
    progress.show("unpacking");
    let unpacked = 0;
    await write(draft, memberOf(archive, isProgram), 0o700, (part) => {
      unpacked += part.length;
      if (unpacked > mostBytes) throw new AppError("invalid_request", `${name} unpacks to too much`);
    });
    rmSync(archive);
    progress.show("trying the new program");
    await assertRuns(draft, release.version);
    context.signal.throwIfAborted();
    replaceProgram(program, draft, step);
  } catch (error) {
    if (context.signal.aborted) throw new AppError("interrupted", "interrupted: the program is unchanged");
    throw error;
  } finally {
    progress.end();
    for (const path of [archive, draft]) rmSync(path, { force: true });
  }
}

const isProgram = (path: string) => /^[^/]+\/mcpctl(\.exe)?$/.test(path);

async function write(
  path: string,
  bytes: AsyncIterable<Uint8Array<ArrayBuffer>>,
  mode: number,
  onBytes: (bytes: Uint8Array) => void,
): Promise<void> {
  const file = openSync(path, "wx", mode);
  try {
    for await (const part of bytes) {
      onBytes(part);
      for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
    }
  } catch (cause) {
    const reason = cause instanceof AppError ? undefined : systemReason(cause);
    throw reason ? new AppError("storage_full", `cannot write ${path}: ${reason.text}`, { cause }) : cause;
  } finally {
    closeSync(file);
  }
}

/** Runs the new program once: one that this machine cannot run never takes the place of one that it can (failure mode 219). */
async function assertRuns(path: string, version: string): Promise<void> {
  const failed = (why: string) =>
    new AppError("invalid_request", `the new program does not run on this machine: ${why}`, {
      hint: "nothing was changed",
    });
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([path, "--version"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {},
      timeout: 30_000,
      killSignal: "SIGKILL",
    });
  } catch (cause) {
    throw failed(systemReason(cause)?.text ?? "it cannot be started");
  }
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const code = await child.exited;
  if (code !== 0) throw failed(err.trim().split("\n")[0]?.slice(0, 200) || `it ended with ${code}`);
  if (!out.startsWith(`mcpctl ${version} `)) throw failed(`it is not version ${version}`);
}
