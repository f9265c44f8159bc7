import { expect, it } from "vitest";
import type { Later } from "../../../src/cli/terminal/progress.ts";
import { requestWait } from "../../../src/cli/terminal/request-wait.ts";
import { safeTerminal } from "../../../src/cli/terminal/safe-terminal.ts";
import { fakeTerminal, flags } from "../../support/cli/fake-terminal.ts";

/** A terminal, a wait on it, and a function that lets a second pass. */
function setup() {
  const device = fakeTerminal({ answers: [] });
  const terminal = safeTerminal(device);
  let waits: (() => void)[] = [];
  const after: Later = (_, act) => {
    waits.push(act);
    return () => {
      waits = waits.filter((one) => one !== act);
    };
  };
  const second = () => {
    for (const act of waits.splice(0)) act();
  };
  return { device, terminal, begin: requestWait({ terminal, flags }, "the server", after), second };
}

it("shows one line for all requests that are under way, and erases it with the last", () => {
  const { device, begin, second } = setup();
  const [endFirst, endSecond] = [begin(), begin()];
  expect(device.stderr).toBe("");
  second();
  expect(device.stderr).toBe("\rwaiting for the server, 1 s");
  endFirst();
  second();
  expect(device.stderr).toMatch(/\rwaiting for the server, 2 s$/);
  endSecond();
  expect(device.stderr).toMatch(/\r +\r$/);
  second();
  expect(device.stderr).toMatch(/\r +\r$/);
});

it("is over when the command writes, asks, or hands the terminal to another program", () => {
  for (const use of ["out", "err", "data", "rewrite", "handOver"] as const) {
    const { device, terminal, begin, second } = setup();
    const end = begin();
    second();
    const before = device.stderr;
    if (use === "handOver") terminal.handOver();
    else terminal[use]("text");
    expect(device.stderr.slice(before.length)).toMatch(/^\r +\r/);
    const after = device.stderr;
    end();
    begin();
    second();
    expect(device.stderr).toBe(after);
  }
});
