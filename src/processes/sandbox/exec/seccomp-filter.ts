import { ptr } from "bun:ffi";
import { AppError } from "../../../errors.ts";
import { errnoOf, type SandboxLibc } from "./libc.ts";

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;

/** The name of a processor's family, and its numbers of the calls that are filtered. */
const processors: Readonly<Record<string, { audit: number; calls: Record<FilteredCall, number> }>> = {
  x64: {
    audit: 0xc000003e,
    calls: {
      socket: 41,
      socketpair: 53,
      add_key: 248,
      request_key: 249,
      keyctl: 250,
      truncate: 76,
      ...newCalls(),
    },
  },
  arm64: {
    audit: 0xc00000b7,
    calls: {
      socket: 198,
      socketpair: 199,
      add_key: 217,
      request_key: 218,
      keyctl: 219,
      truncate: 45,
      ...newCalls(),
    },
  },
};

type FilteredCall =
  | "socket"
  | "socketpair"
  | "add_key"
  | "request_key"
  | "keyctl"
  | "truncate"
  | "io_uring_setup"
  | "io_uring_enter"
  | "io_uring_register";

/** Newer calls have one number on all processors. */
function newCalls() {
  return { io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427 };
}

/** Families of sockets that a program with network may open: IPv4, IPv6, and netlink, by which it sees its addresses. */
const openFamilies = [2, 10, 16];
const SOCK_DGRAM = 2;
const SOCK_TYPE_MASK = 0xf;

/** Instructions of classic BPF (linux/bpf_common.h). */
const load = 0x20;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const and = 0x54;
const answer = 0x06;
const allowed = 0x7fff0000;
const refused = 0x00050000;
const EPERM = 1;
const EACCES = 13;
const ENOSYS = 38;

/** Offsets in `struct seccomp_data`. */
const at = { number: 0, processor: 4, firstArgument: 16, secondArgument: 24 };

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

/**
 * Refuses what Landlock does not know: Unix sockets by path, by which a program would reach mcpctl itself, Docker or the
 * desktop; other networks than IP, or all; keys of the user in the kernel; io_uring, which goes around filters.
 *
 * @param options.network false refuses every socket
 * @param options.truncate true refuses truncating by path, for versions of Landlock that do not know it
 * @throws AppError `not_supported` on an unknown processor, or when the kernel refuses
 */
export function applySeccomp(libc: SandboxLibc, options: { network: boolean; truncate: boolean }): void {
  const program = seccompProgram(process.arch, options);
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, ifTrue, ifFalse, value], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
  });
  // struct sock_fprog: the number of instructions, and their address at the next multiple of eight.
  const filter = Buffer.alloc(16);
  filter.writeUInt16LE(program.length, 0);
  filter.writeBigUInt64LE(BigInt(ptr(bytes)), 8);
  if (libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ptr(filter), 0, 0) !== 0)
    throw new AppError("not_supported", `the kernel refused a filter of calls (errno ${errnoOf(libc)})`);
}

/** Returns the filter. Exported for the test that runs it. */
export function seccompProgram(
  arch: string,
  { network, truncate }: { network: boolean; truncate: boolean },
): Instruction[] {
  const processor = processors[arch];
  if (!processor)
    throw new AppError("not_supported", `there is no filter of calls for the processor ${arch}`);
  const { audit, calls } = processor;
  const ret = (value: number): Instruction => [answer, 0, 0, value];
  const refuse = (error: number) => ret(refused | error);
  /** Instructions for one call. They end with an answer. */
  const forCall = (name: FilteredCall, then: readonly Instruction[]): Instruction[] => [
    [jumpIfEqual, 0, then.length, calls[name]],
    ...then,
  ];
  const socket: Instruction[] = network
    ? [
        [load, 0, 0, at.firstArgument],
        ...openFamilies.flatMap((family): Instruction[] => [[jumpIfEqual, 0, 1, family], ret(allowed)]),
        refuse(EACCES),
      ]
    : [refuse(EACCES)];
  // A pair of datagram sockets can be sent to other addresses later; programs and their children use streams.
  const pair: Instruction[] = [
    [load, 0, 0, at.secondArgument],
    [and, 0, 0, SOCK_TYPE_MASK],
    [jumpIfEqual, 0, 1, SOCK_DGRAM],
    refuse(EACCES),
    ret(allowed),
  ];
  return [
    [load, 0, 0, at.processor],
    // Calls of another processor, as of 32 bits, have other numbers.
    [jumpIfEqual, 1, 0, audit],
    refuse(EPERM),
    [load, 0, 0, at.number],
    // The same for x32 of x86-64.
    [jumpIfAtLeast, 0, 1, 0x40000000],
    refuse(EPERM),
    ...forCall("socket", socket),
    ...forCall("socketpair", pair),
    ...(["add_key", "request_key", "keyctl"] as const).flatMap((name) => forCall(name, [refuse(EPERM)])),
    ...(["io_uring_setup", "io_uring_enter", "io_uring_register"] as const).flatMap((name) =>
      forCall(name, [refuse(ENOSYS)]),
    ),
    ...(truncate ? forCall("truncate", [refuse(EACCES)]) : []),
    ret(allowed),
  ];
}
