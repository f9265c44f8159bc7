import { expect, it } from "vitest";

/** Takes all descriptors of a process, and frees one after some milliseconds, or never. */
const script = (freedAfter?: number) => `
  import { closeSync, openSync } from "node:fs";
  import { withDescriptor } from ${JSON.stringify(new URL("../../../src/net/http1/with-descriptor.ts", import.meta.url).pathname)};
  const socket = { data() {}, open(socket) { socket.end(); } };
  const { port } = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  const refusing = await withDescriptor(() => Bun.connect({ hostname: "127.0.0.1", port: 1, socket })).catch((error) => error.code);
  const taken = [];
  try { for (;;) taken.push(openSync("/dev/null", "r")); } catch {}
  ${freedAfter === undefined ? "" : `setTimeout(() => taken.splice(0, 3).forEach((one) => closeSync(one)), ${freedAfter});`}
  let attempts = 0;
  const outcome = await withDescriptor(() => {
    attempts++;
    return Bun.connect({ hostname: "127.0.0.1", port, socket });
  }).then(() => "open", (error) => error.code);
  console.log(JSON.stringify({ refusing, outcome, hasWaited: attempts > 1 }));
  process.exit();
`;

async function run(freedAfter?: number): Promise<unknown> {
  const limited = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"];
  const child = Bun.spawn([...limited, process.execPath, "-e", script(freedAfter)], { stderr: "inherit" });
  return JSON.parse(await new Response(child.stdout).text());
}

it("waits for a descriptor of a process that has none left (failure mode 78)", async () => {
  expect(await run(60)).toEqual({ refusing: "ECONNREFUSED", outcome: "open", hasWaited: true });
});

it("says that no descriptor is left when none becomes free, instead of a refused connection", async () => {
  expect(await run()).toEqual({ refusing: "ECONNREFUSED", outcome: "EMFILE", hasWaited: true });
});
