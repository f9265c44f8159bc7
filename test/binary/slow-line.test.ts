import { expect, it } from "vitest";
import { type LineCell, soakLines } from "../../bench/soak-lines.ts";
// Refuses a file that is older than the sources.
import "../support/binary.ts";

/** A body that takes longer than the five seconds in which a task must be accepted. */
const long = 750_000;

it("a body that takes seconds arrives, and so do small calls beside it (failure mode 91)", async () => {
  const cell = (transport: LineCell["transport"], bytes: Pick<LineCell, "requestBytes" | "answerBytes">) => ({
    transport,
    megabits: 1,
    roundTrip: 40,
    ...bytes,
  });
  const cells = [
    cell("websocket", { requestBytes: long, answerBytes: 10 }),
    cell("websocket", { requestBytes: 10, answerBytes: long }),
    cell("sse", { requestBytes: long, answerBytes: 10 }),
  ];
  const results = await Promise.all(cells.map((one) => soakLines({ cells: [one] }, () => {})));
  for (const { large, small } of results.flat())
    for (const took of [large, ...small]) expect(took).toEqual(expect.any(Number));
});
