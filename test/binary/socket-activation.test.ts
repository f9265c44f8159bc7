import { describe, expect, it } from "vitest";
import { freshFolder } from "../support/binary.ts";
import { keptSocket } from "../support/passed-socket.ts";

/** Asks over many connections until it is told to stop. Returns the number of responses, by their status or error. */
function asking(url: string, connections: number) {
  const counts: Record<string, number> = {};
  let isEnding = false;
  const one = async () => {
    while (!isEnding) {
      const outcome = await fetch(`${url}/healthz`)
        .then(async (response) => response.text().then(() => String(response.status)))
        .catch((error) => String(error.code ?? error));
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      await Bun.sleep(2);
    }
  };
  const all = Promise.all(Array.from({ length: connections }, one));
  return {
    counts,
    async end() {
      isEnding = true;
      await all;
      return counts;
    },
  };
}

const healthy = "200";

describe.runIf(process.platform === "linux")("a server on a socket of systemd", () => {
  // Failure mode 168
  it("loses no request of fifty connections when it is restarted, twice", async () => {
    const socket = keptSocket();
    const home = freshFolder();
    let server = socket.start({ home });
    const clients = asking(socket.url, 50);
    const more = async (count: number) => {
      const before = clients.counts[healthy] ?? 0;
      await expect.poll(() => (clients.counts[healthy] ?? 0) - before).toBeGreaterThan(count);
    };
    await more(200);
    for (let restart = 0; restart < 2; restart++) {
      expect(await server.stop()).toBe(0);
      server = socket.start({ home });
      await more(200);
    }
    expect(Object.keys(await clients.end())).toEqual([healthy]);
    await server.stop();
    expect(await server.log).toContain(`listens on ${socket.url} and `);
  });

  it("answers what was asked before it serves, and says that an address of its own is not used", async () => {
    const socket = keptSocket();
    const response = fetch(`${socket.url}/readyz`);
    const server = socket.start({ home: freshFolder(), env: { MCPCTL_LISTEN: "127.0.0.1:1" } });
    expect((await response).status).toBe(200);
    await server.stop();
    const log = await server.log;
    expect(log).toContain("127.0.0.1:1 is not used: systemd passes the socket");
    expect(log).toContain(`listens on ${socket.url} and `);
  });

  it("does not start with two sockets, and says what the unit needs", async () => {
    const server = keptSocket().start({ home: freshFolder(), env: { LISTEN_FDS: "2" } });
    expect(await server.log).toMatch(/systemd passes 2 sockets, and not one\n.*ListenStream=/);
  });
});
