import { describe, expect, it } from "vitest";
import { seccompProgram } from "../../../../src/processes/sandbox/exec/seccomp-filter.ts";

const allowed = 0x7fff0000;
const refused = (error: number) => 0x00050000 | error;
const [EPERM, EACCES, ENOSYS] = [refused(1), refused(13), refused(38)];

const x64 = {
  arch: "x64",
  audit: 0xc000003e,
  socket: 41,
  socketpair: 53,
  keyctl: 250,
  truncate: 76,
  write: 1,
};
const arm64 = {
  arch: "arm64",
  audit: 0xc00000b7,
  socket: 198,
  socketpair: 199,
  keyctl: 219,
  truncate: 45,
  write: 64,
};
const ioUringSetup = 425;

/** Runs a filter as the kernel does, on a call with up to two arguments. Returns its answer. */
function answerOf(
  program: ReturnType<typeof seccompProgram>,
  call: { audit: number; number: number; args?: readonly number[] },
): number {
  const data: Record<number, number> = {
    0: call.number,
    4: call.audit,
    16: call.args?.[0] ?? 0,
    24: call.args?.[1] ?? 0,
  };
  let value = 0;
  for (let at = 0; at < program.length; at++) {
    const [code, ifTrue, ifFalse, operand] = program[at]!;
    if (code === 0x20) value = data[operand]!;
    else if (code === 0x54) value &= operand;
    else if (code === 0x15) at += value === operand ? ifTrue : ifFalse;
    else if (code === 0x35) at += value >= operand ? ifTrue : ifFalse;
    else if (code === 0x06) return operand;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error("the filter has no answer");
}

// T149
describe.each([x64, arm64])("the filter of calls on $arch", ({ arch, audit, ...calls }) => {
  const ask = (network: boolean, number: number, ...args: number[]) =>
    answerOf(seccompProgram(arch, { network, truncate: false }), { audit, number, args });

  it("lets IPv4, IPv6 and netlink through, and no Unix, Bluetooth, VSOCK, packet or kernel-crypto socket", () => {
    expect([2, 10, 16].map((family) => ask(true, calls.socket, family))).toEqual([allowed, allowed, allowed]);
    expect([1, 17, 31, 38, 40].map((family) => ask(true, calls.socket, family))).toEqual(
      Array(5).fill(EACCES),
    );
  });

  it("lets no socket through without network", () => {
    expect([1, 2, 10, 16].map((family) => ask(false, calls.socket, family))).toEqual(Array(4).fill(EACCES));
  });

  it("lets pairs of stream sockets through, with flags too, and none of datagram sockets", () => {
    const closeOnExec = 0o2000000;
    expect(ask(false, calls.socketpair, 1, 1 | closeOnExec)).toBe(allowed);
    expect(ask(false, calls.socketpair, 1, 5)).toBe(allowed);
    expect(ask(true, calls.socketpair, 1, 2 | closeOnExec)).toBe(EACCES);
  });

  it("refuses keys in the kernel and io_uring, and lets everything else through", () => {
    expect(ask(true, calls.keyctl)).toBe(EPERM);
    expect(ask(true, ioUringSetup)).toBe(ENOSYS);
    expect(ask(true, calls.write, 1)).toBe(allowed);
    expect(ask(true, calls.truncate)).toBe(allowed);
  });

  it("refuses truncating by path where Landlock does not know it", () => {
    const program = seccompProgram(arch, { network: true, truncate: true });
    expect(answerOf(program, { audit, number: calls.truncate })).toBe(EACCES);
  });

  it("refuses calls of another processor or of x32, whose numbers mean something else", () => {
    const program = seccompProgram(arch, { network: true, truncate: false });
    expect(answerOf(program, { audit: 0x40000003, number: calls.write })).toBe(EPERM);
    expect(answerOf(program, { audit, number: 0x40000000 + calls.write })).toBe(EPERM);
  });
});

it("is not made for a processor whose numbers are unknown", () => {
  expect(() => seccompProgram("riscv64", { network: true, truncate: false })).toThrow("riscv64");
});
