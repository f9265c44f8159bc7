import { heapStats } from "bun:jsc";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { expect, it, onTestFinished } from "vitest";
import { must, testServer } from "../../support/server.ts";

const streams = 100;
/** The most objects of a stream under way; it has 35. Before it let go of its request, it had 107. */
const ceiling = 38;
/** Objects of code, of which there are more or fewer whatever the streams do; and texts, which some code keeps. */
const isCode = /Code|Structure|Executable|SymbolTable|PropertyTable|RareData|Butterfly|string|RegExp/;

/** Returns the number of objects of the heap that are in use. */
function objects(): number {
  Bun.gc(true);
  const { objectTypeCounts } = heapStats();
  return Object.entries(objectTypeCounts).reduce(
    (sum, [type, count]) => sum + (isCode.test(type) ? 0 : count),
    0,
  );
}

it("a stream under way has 38 objects of the heap at most", async () => {
  const peers = Bun.spawn([process.execPath, join(import.meta.dirname, "../../support/stream-peers.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  onTestFinished(() => peers.kill("SIGKILL"));
  const lines = createInterface({ input: Readable.fromWeb(peers.stdout as never) })[Symbol.asyncIterator]();
  const server = await testServer();
  const url = `http://127.0.0.1:${(await lines.next()).value}`;
  await must(
    server.admin("POST", "/api/v1/llms?probe=false", { name: "gpt", type: "openai", model: "m", url }),
  );
  const { bearer } = await server.token("t", [{ role: "run", resource: "llms" }]);
  const open = async (count: number) => {
    peers.stdin.write(`${new URL(server.url).port} ${bearer} ${count}\n`);
    expect((await lines.next()).value).toBe("open");
  };
  // The first ones make what all share.
  await open(streams);
  const before = objects();
  await open(streams);
  const each = (objects() - before) / streams;
  expect(each).toBeLessThan(ceiling);
  expect(each).toBeGreaterThan(10);
});
