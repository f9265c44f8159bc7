import { ptr } from "bun:ffi";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { AppError } from "../../../errors.ts";
import { findProgram } from "../../find-program.ts";
import type { ExecLimits, ExecPolicy } from "./exec-policy.ts";
import { applyLandlock, landlockVersion } from "./landlock-rules.ts";
import { errnoOf, openLibc, type SandboxLibc, syscall, textArray } from "./libc.ts";
import { applySeccomp } from "./seccomp-filter.ts";

const PR_SET_PDEATHSIG = 1;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const SIG_SETMASK = 2;
const SIGKILL = 9;
const lastSignal = 64;
/** The kernel has 41 capabilities; further ones are dropped as they come. */
const lastCapability = 63;
const capabilityVersion3 = 0x20080522;
const capset = process.arch === "arm64" ? 91 : 126;

const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const RLIMIT_NPROC = 6;

/** Truncating has a right of its own from this version of Landlock on. */
const truncateVersion = 3;

/**
 * Gives up rights and becomes another program, with the same process id, pipes and environment. Whatever fails on the way
 * is an error, so that the program never runs with more rights than it should (T143).
 *
 * @throws AppError; it does not return
 */
export function sandboxExec(policy: ExecPolicy, argv: readonly string[]): never {
  const libc = openLibc();
  dieWith(libc, policy.parent);
  // As it was passed: this program takes variables out of its own view, such as those of proxies.
  const environment = readFileSync("/proc/self/environ", "latin1")
    .split("\0")
    .filter((one) => one !== "");
  const searchPath = environment.find((one) => one.startsWith("PATH="))?.slice("PATH=".length) ?? "";
  const path = findProgram(argv[0] ?? "", searchPath);
  if (path === undefined) throw new AppError("not_found", `the program ${argv[0]} is not on this host`);
  if (policy.landlock) {
    must(libc, libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "the kernel refused no_new_privs");
    const { network } = policy.landlock;
    const truncate = landlockVersion(libc) < truncateVersion;
    applyLandlock(libc, policy.landlock);
    dropCapabilities(libc);
    applySeccomp(libc, { network, truncate });
  }
  resetSignals(libc);
  const words = textArray(argv.map((word) => Buffer.from(word)));
  const variables = textArray(environment.map((one) => Buffer.from(one, "latin1")));
  const file = Buffer.from(`${path}\0`);
  // Last: this program itself may need more than the other one is to have.
  limit(libc, policy.limits);
  libc.execve(ptr(file), ptr(words.table), ptr(variables.table));
  throw new AppError("unavailable", `the program ${path} cannot be run (errno ${errnoOf(libc)})`);
}

/** Has this process killed when its parent ends, and ends it where the parent is gone already. */
function dieWith(libc: SandboxLibc, parent: number): void {
  must(libc, libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "the kernel refused PR_SET_PDEATHSIG");
  if (libc.getppid() !== parent)
    throw new AppError("unavailable", "the program that started this one has ended");
}

/** Root without capabilities is a user like others, but for the files that belong to root. */
function dropCapabilities(libc: SandboxLibc): void {
  // Fails for those who have none to give up, which is as well.
  for (let one = 0; one <= lastCapability; one++) libc.prctl(PR_CAPBSET_DROP, one, 0, 0, 0);
  libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  const header = Buffer.alloc(8);
  header.writeUInt32LE(capabilityVersion3, 0);
  if (syscall(libc, capset, header, Buffer.alloc(24)) === 0) return;
  // A service may forbid the call, which is as well where there is nothing to take.
  const errno = errnoOf(libc);
  if (hasCapabilities())
    throw new AppError("not_supported", `the kernel refused to take the capabilities (errno ${errno})`);
}

function hasCapabilities(): boolean {
  const status = readFileSync("/proc/self/status", "latin1");
  return !["CapInh", "CapPrm", "CapEff", "CapAmb"].every((set) =>
    new RegExp(`^${set}:\\s*0+$`, "m").test(status),
  );
}

/** Bun ignores some signals, and a program keeps that of the one it was before. */
function resetSignals(libc: SandboxLibc): void {
  for (let signal = 1; signal <= lastSignal; signal++) libc.signal(signal, 0);
  libc.sigprocmask(SIG_SETMASK, ptr(Buffer.alloc(128)), null);
}

function limit(libc: SandboxLibc, { dataBytes, furtherProcesses }: ExecLimits): void {
  const set = (resource: number, value: number) => {
    const words = new BigUint64Array(2);
    must(libc, libc.getrlimit(resource, ptr(words)), `the kernel did not tell limit ${resource}`);
    // A lower limit that is there already stays: only root may raise it.
    const wanted = words[1]! < BigInt(value) ? words[1]! : BigInt(value);
    if (words[0] === wanted && words[1] === wanted) return;
    words.fill(wanted);
    must(libc, libc.setrlimit(resource, ptr(words)), `the kernel refused limit ${resource}`);
  };
  set(RLIMIT_CORE, 0);
  if (furtherProcesses !== undefined) set(RLIMIT_NPROC, threadsOfUser() + furtherProcesses);
  if (dataBytes !== undefined) set(RLIMIT_DATA, dataBytes);
}

/** Returns the number of threads that the user of this process has. */
function threadsOfUser(): number {
  const user = process.geteuid?.();
  const counts = readdirSync("/proc").map((name) => {
    if (!/^\d+$/.test(name) || statSync(`/proc/${name}`, { throwIfNoEntry: false })?.uid !== user) return 0;
    try {
      return readdirSync(`/proc/${name}/task`).length;
    } catch {
      return 0;
    }
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

function must(libc: SandboxLibc, outcome: number, message: string): void {
  if (outcome !== 0) throw new AppError("not_supported", `${message} (errno ${errnoOf(libc)})`);
}
