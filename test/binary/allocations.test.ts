import { expect, it, onTestFinished } from "vitest";
import { must, startBinary } from "../support/binary.ts";
import { chatAnswer } from "../support/upstream.ts";

/** The most bytes of the heap that a call may take; it takes 10 to 11 KB. Each costs time when it is used, and when it is collected. */
const ceiling = 15 * 1024;
const calls = 48_000;
const callers = 32;

/** A collection in the log of the engine: the kilobytes of the heap before it and after it. */
const collection = /START M (\d+)kb => \w+Collection.*?=> (\d+)kb/gs;

/** Returns the bytes of the heap that were taken between the first collection of a log and the last one, and their number. */
function taken(log: string): { bytes: number; collections: number } {
  const found = [...log.matchAll(collection)].map(([, before, after]) => [Number(before), Number(after)]);
  let kilobytes = 0;
  for (const [at, [before]] of found.entries()) if (at > 0) kilobytes += before! - found[at - 1]![1]!;
  return { bytes: kilobytes * 1024, collections: found.length };
}

it("a call takes 15 KB of the heap at most, with its token, rights, audit event and usage", async () => {
  const provider = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => Response.json(chatAnswer("hi")),
  });
  onTestFinished(() => provider.stop(true));
  const server = await startBinary({ env: { BUN_JSC_logGC: "1" } });
  await must(
    server.run(
      `create llm gpt --type openai --model up --url http://127.0.0.1:${provider.port} --skip-auth-check`,
    ),
  );
  const made = await must(server.run("create token t --bind role:run,resource:llms -o json"));
  const request = {
    method: "POST",
    headers: { authorization: `Bearer ${JSON.parse(made).token}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt", messages: [{ role: "user", content: "hi" }] }),
  };
  const call = async () => {
    const response = await fetch(`${server.url}/v1/chat/completions`, request);
    expect(response.status).toBe(200);
    await response.arrayBuffer();
  };
  const make = (count: number) =>
    Promise.all(
      Array.from({ length: callers }, async () => {
        for (let at = 0; at < count / callers; at++) await call();
      }),
    );
  // Code that runs for the first time takes more: it is compiled.
  await make(calls / 4);
  const measured = async () => {
    const begin = server.said.stderr.length;
    await make(calls);
    const { bytes, collections } = taken(server.said.stderr.slice(begin));
    expect(collections).toBeGreaterThan(5);
    // What was taken before the first collection and after the last one is not counted: a part of one in all.
    return bytes / (calls * (1 - 1 / collections));
  };
  let perCall = await measured();
  // On a busy machine the calls last longer, and the work at intervals of that time is counted with them.
  for (let again = 0; perCall >= ceiling && again < 3; again++) perCall = Math.min(perCall, await measured());
  expect(perCall).toBeLessThan(ceiling);
  expect(perCall).toBeGreaterThan(1024);
});
