import { closeSync, openSync, statSync } from "node:fs";
import { AppError } from "../../../errors.ts";
import type { LandlockPolicy } from "./exec-policy.ts";
import { errnoOf, type SandboxLibc, syscall } from "./libc.ts";

/** Numbers of calls, the same on x86-64 and arm64 (https://docs.kernel.org/userspace-api/landlock.html). */
const createRuleset = 444;
const addRule = 445;
const restrictSelf = 446;
const askVersion = 1;
const pathBeneath = 1;

const { O_PATH, O_CLOEXEC } = { O_PATH: 0o10000000, O_CLOEXEC: 0o2000000 };

const execute = 1n << 0n;
const writeFile = 1n << 1n;
const readFile = 1n << 2n;
const readDir = 1n << 3n;
const truncate = 1n << 14n;
const ioctlDevice = 1n << 15n;
const ofFiles = execute | writeFile | readFile | truncate | ioctlDevice;

/** The number of rights on files that each version of the interface knows: version 1 has the first 13. */
const rightsByVersion = [13, 14, 15, 15, 16] as const;

/** Returns the version of Landlock that the kernel has, or 0. From version 4 on it knows TCP, from 6 on signals. */
export function landlockVersion(libc: SandboxLibc): number {
  return Math.max(0, syscall(libc, createRuleset, 0, 0, askVersion));
}

/**
 * Takes from this thread, and from what it becomes and starts, every right on files but the given ones. Processes
 * outside cannot be traced, and their environment not be read. It cannot be undone. `PR_SET_NO_NEW_PRIVS` must be set.
 *
 * @throws AppError `not_supported` when the kernel refuses
 */
export function applyLandlock(libc: SandboxLibc, policy: LandlockPolicy): void {
  const version = landlockVersion(libc);
  if (version === 0) throw new AppError("not_supported", "this kernel has no Landlock");
  const handled = (1n << BigInt(rightsByVersion[Math.min(version, rightsByVersion.length) - 1]!)) - 1n;
  // Fields are added at the end of the structure, and a kernel refuses one that is longer than it knows.
  const fields = [handled, version >= 4 && !policy.network ? 3n : 0n, version >= 6 ? 3n : 0n];
  const attribute = Buffer.from(
    BigUint64Array.from(fields.slice(0, version >= 6 ? 3 : version >= 4 ? 2 : 1)).buffer,
  );
  const ruleset = syscall(libc, createRuleset, attribute, attribute.length, 0);
  if (ruleset < 0) throw refusedBy(libc, "a set of rules");
  const allow = (path: string, rights: bigint) => allowPath(libc, ruleset, path, rights & handled);
  for (const path of policy.readable) allow(path, execute | readFile | readDir);
  for (const path of policy.devices) allow(path, writeFile | readFile | truncate | ioctlDevice);
  for (const path of policy.writable) allow(path, handled);
  if (syscall(libc, restrictSelf, ruleset, 0) !== 0) throw refusedBy(libc, "to be restricted");
  closeSync(ruleset);
}

function allowPath(libc: SandboxLibc, ruleset: number, path: string, rights: bigint): void {
  const found = statSync(path, { throwIfNoEntry: false });
  // A path that does not exist needs no right.
  if (!found) return;
  const file = openSync(path, O_PATH | O_CLOEXEC);
  const rule = Buffer.alloc(12);
  rule.writeBigUInt64LE(found.isDirectory() ? rights : rights & ofFiles, 0);
  rule.writeInt32LE(file, 8);
  const outcome = syscall(libc, addRule, ruleset, pathBeneath, rule, 0);
  if (outcome !== 0) throw refusedBy(libc, path);
  closeSync(file);
}

function refusedBy(libc: SandboxLibc, what: string): AppError {
  return new AppError("not_supported", `Landlock refused ${what} (errno ${errnoOf(libc)})`);
}
