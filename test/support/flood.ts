import { onTestFinished } from "vitest";

/** The bytes that the connections of a flood send, each connection one of them; then they send nothing more. */
const openings = [
  "",
  "GET /healthz HT",
  "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
  "POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{",
];

/** Opens connections to a port of this machine from a process of its own, which ends by itself after 30 s. */
const script = `
  import { connect } from "node:net";
  const [port, count] = process.argv.slice(-2).map(Number);
  const openings = ${JSON.stringify(openings)};
  let connected = 0;
  for (let i = 0; i < count; i++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.write(openings[i % openings.length]);
      if (++connected === count) console.log("all");
    });
    socket.on("error", () => {});
    socket.on("data", () => {});
  }
  setTimeout(() => process.exit(), 240_000);
`;

/** Starts processes that open so many connections in all. Returns a promise that resolves when all were opened once. */
export async function flood(port: number, count: number, processes = 2): Promise<void> {
  const running = Array.from({ length: processes }, () =>
    Bun.spawn([process.execPath, "-e", script, "--", String(port), String(count / processes)], {
      stdout: "pipe",
      stderr: "ignore",
    }),
  );
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
    for (const one of running) one.kill("SIGKILL");
  });
  await Promise.all(
    running.map(async ({ stdout }) => {
      const { value } = await stdout.getReader().read();
      if (!value && !isOver) throw new Error("the flood ended before all connections were open");
    }),
  );
}
