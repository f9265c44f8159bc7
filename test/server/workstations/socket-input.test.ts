import { expect, it } from "vitest";
import type { LinkSession } from "../../../src/server/workstations/link-session.ts";
import { SocketInput, type SocketInputOptions } from "../../../src/server/workstations/socket-input.ts";

/** Input of agents, with all that it reports of them in its order. */
function inputOf(isFull = false) {
  const reports: number[] = [];
  const ends: string[] = [];
  const input = new SocketInput({
    sessions: {
      renew() {},
      report: (_id: string, { n }: { n: number }) => void reports.push(n),
    },
    links: { end: (_link: LinkSession, reason: string) => void ends.push(reason) },
    bodies: {
      isLarge: (bytes: number) => bytes > 1024 * 1024,
      tryHold: () => (isFull ? undefined : { shrink() {}, release() {} }),
    },
  } as unknown as SocketInputOptions);
  const link = { sessionId: "s", isOpen: true, principal: { userId: "u" } } as unknown as LinkSession;
  const send = (count: number) => {
    for (let n = 0; n < count; n++) input.text(link, `{"op":"heartbeat","state":{"n":${n}}}`);
  };
  return { input, link, reports, ends, send };
}

const many = 100_000;

it("very many messages are read in several turns of the event loop, in their order, before the end (T261)", async () => {
  const { input, link, reports, ends, send } = inputOf();
  send(many);
  const atOnce = reports.length;
  let closedAfter: number | undefined;
  input.closed(link, () => {
    closedAfter = reports.length;
  });
  expect(atOnce).toBeLessThan(many / 2);
  let most = 0;
  while (closedAfter === undefined) {
    const before = reports.length;
    await new Promise(setImmediate);
    most = Math.max(most, reports.length - before);
  }
  expect(most).toBeLessThan(many / 2);
  expect(closedAfter).toBe(many);
  expect(reports.every((n, index) => n === index)).toBe(true);
  expect(ends).toEqual([]);
});

it("messages that wait hold memory, and an agent for which there is none is cut off (T261)", () => {
  const { ends, send } = inputOf(true);
  send(many);
  expect(ends[0]).toBe("busy");
});
