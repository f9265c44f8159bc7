import { networkInterfaces } from "node:os";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Log } from "../../../src/log.ts";
import { Pulse } from "../../../src/server/core/pulse.ts";
import { ClosedConnections } from "../../../src/server/http/connections/closed-connections.ts";
import { ConnectionLimiter } from "../../../src/server/http/connections/connection-limiter.ts";
import { TrustedProxies } from "../../../src/server/http/connections/trusted-proxies.ts";
import { mostIdle, type OpenConnection, overLimit } from "../../../src/server/http/connections/victims.ts";
import { Metrics } from "../../../src/server/observability/metrics.ts";
import { BareCaller, until } from "../../support/bare-caller.ts";
import { requestHead } from "../../support/raw-http.ts";
import { testServer } from "../../support/server.ts";

const own = Object.values(networkInterfaces())
  .flat()
  .find((one) => one && !one.internal && one.family === "IPv4")?.address;

function open(port: number, more: Partial<OpenConnection> = {}): OpenConnection {
  const quiet = { hasUnread: false, hasVanished: false };
  return { descriptor: port, address: "192.0.2.1", port, idle: 1000 - port, ...quiet, ...more };
}
const ports = (connections: readonly OpenConnection[]) => connections.map(({ port }) => port);
const limits = { maxPerAddress: 2, isExempt: (address: string) => address === "192.0.2.9" };

describe("connections of one address (T99)", () => {
  it("are closed beyond the limit: idle ones first, the longest idle before others", () => {
    const connections = [open(1), open(2), open(3), open(4), open(5, { address: "192.0.2.2" })];
    expect(ports(overLimit(connections, new Map([[1, true]]), limits))).toEqual([2, 3]);
    const busy = new Map([1, 2, 3].map((port) => [port, port < 3] as const));
    expect(ports(overLimit(connections, busy, limits))).toEqual([4, 3]);
    const unread = open(1, { hasUnread: true });
    expect(ports(overLimit([unread, open(2), open(3)], new Map(), limits))).toEqual([2]);
  });

  it("are counted by /64 in IPv6", () => {
    const address = (at: number) => ({ address: `2001:db8:0:1:0:0:0:${at}` });
    const connections = [open(1, address(1)), open(2, address(2)), open(3, address(3))];
    expect(ports(overLimit(connections, new Map(), limits))).toEqual([1]);
    const other = open(3, { address: "2001:db8:0:2:0:0:0:1" });
    expect(overLimit([...connections.slice(0, 2), other], new Map(), limits)).toEqual([]);
  });

  it("are not limited for an exempt address", () => {
    const connections = [1, 2, 3].map((port) => open(port, { address: "192.0.2.9" }));
    expect(overLimit(connections, new Map(), limits)).toEqual([]);
  });

  it.skipIf(process.platform !== "linux" || own === undefined)(
    "are closed by a server, which serves the newest and leaves other addresses alone",
    async () => {
      const server = await testServer({
        listen: { hostname: "0.0.0.0", port: 0 },
        connections: { maxPerAddress: 5 },
      });
      const port = Number(new URL(server.url).port);
      const head = requestHead("GET", "/healthz", { connection: "keep-alive" });
      const connect = async (host: string) => {
        const caller = new BareCaller(port, host);
        caller.socket.write(head);
        await caller.met(() => caller.text.includes("200 OK"));
        return caller;
      };
      const callers: BareCaller[] = [];
      const local: BareCaller[] = [];
      for (let at = 0; at < 10; at++) {
        callers.push(await connect(own!));
        local.push(await connect("127.0.0.1"));
        // The kernel counts idle time in steps of milliseconds.
        await Bun.sleep(10);
      }
      const closed = () => callers.filter((caller) => caller.closed !== undefined);
      await until(() => closed().length >= 5);
      expect(closed()).toHaveLength(5);
      expect(callers.map((caller) => caller.closed !== undefined).lastIndexOf(true)).toBeLessThan(9);
      expect(local.map((caller) => caller.closed)).toEqual(local.map(() => undefined));
      const { text } = await server.admin("GET", "/metrics");
      expect(text).toMatch(/mcpctl_connections_closed_total\{reason="address"\} 5\n/);
      expect(text).toMatch(/mcpctl_open_connections 15\n/);
      expect(server.logged.filter((line) => line.includes("closed 5 connections"))).toHaveLength(1);
    },
  );
});

describe("connections when descriptors run out (T99)", () => {
  it("are closed in this order: the longest idle, then those of unknown callers, never those of known ones", () => {
    const busy = new Map([
      [1, true],
      [2, false],
    ]);
    const connections = [open(1), open(2), open(3), open(4)];
    expect(ports(mostIdle(connections, busy, 1))).toEqual([3]);
    expect(ports(mostIdle(connections, busy, 9))).toEqual([3, 4, 2]);
    expect(mostIdle(connections, busy, -1)).toEqual([]);
    const young = open(5, { idle: 3 });
    expect(mostIdle([young], busy, 1)).toEqual([]);
    const unread = { hasUnread: true };
    expect(ports(mostIdle([open(2, unread), open(6, unread), open(7)], busy, 9))).toEqual([7, 2]);
  });
});

describe("closed connections", () => {
  it("are counted and logged apart by reason, once a minute", () => {
    const lines: string[] = [];
    const closed = new ClosedConnections({ warn: (line: string) => void lines.push(line) } as Log);
    closed.add("address", 2, "too many", 0);
    closed.add("descriptors", 30, "none left", 1000);
    closed.add("address", 3, "too many", 2000);
    closed.add("descriptors", 40, "none left", 59_000);
    closed.addVanished(5);
    closed.add("address", 4, "too many", 60_000);
    expect(lines).toEqual([
      "closed 2 connections: too many",
      "closed 30 connections: none left",
      "closed 7 connections: too many",
    ]);
    expect(closed.counts).toEqual({ address: 9, descriptors: 70, vanished: 5 });
  });

  it.skipIf(process.platform !== "linux")(
    "an error while connections are limited is logged once a minute, and the limits go on (failure mode 103)",
    async () => {
      const listener = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
      const pulse = new Pulse();
      const lines: string[] = [];
      let looks = 0;
      let clock = 0;
      const limiter = ConnectionLimiter.open({
        port: listener.port!,
        isExempt: () => false,
        busyPorts() {
          looks++;
          throw new Error("no ports");
        },
        pulse,
        gauges: new Metrics(),
        log: { error: (line: string) => void lines.push(line) } as Log,
        elapsed: () => (clock += 2000),
      });
      expect(limiter).toBeDefined();
      onTestFinished(async () => {
        limiter?.close();
        pulse.close();
        await listener.stop(true);
      });
      await until(() => looks >= 3);
      expect(lines).toEqual([expect.stringContaining("cannot limit connections: Error: no ports")]);
    },
  );
});

describe("--trusted-proxy", () => {
  const proxies = new TrustedProxies(["192.0.2.0/24", "2001:db8::1"]);

  it.each([
    ["192.0.2.7", "203.0.113.5", "203.0.113.5"],
    ["192.0.2.7", "198.51.100.1, 203.0.113.5, 192.0.2.8", "203.0.113.5"],
    ["2001:db8::1", "2001:db8::5", "2001:db8::5"],
    ["192.0.2.7", "garbage", "192.0.2.7"],
    ["192.0.2.7", "192.0.2.8", "192.0.2.7"],
    ["192.0.2.7", null, "192.0.2.7"],
    ["203.0.113.9", "198.51.100.1", "203.0.113.9"],
    ["127.0.0.1", "198.51.100.1", "127.0.0.1"],
  ])("the caller of a connection from %s with X-Forwarded-For %s is %s", (address, header, caller) => {
    expect(proxies.callerOf(address, header)).toBe(caller);
  });

  it.each(["x", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/8/8", "", "host.example"])("refuses %j", (range) => {
    expect(() => new TrustedProxies([range])).toThrow(/--trusted-proxy/);
  });
});

it("failures of logins through a trusted proxy count for the address that it names (T68)", async () => {
  const server = await testServer({ connections: { trustedProxies: new TrustedProxies(["127.0.0.1"]) } });
  const login = (from: string, user: string) =>
    server.as()("POST", "/api/v1/auth/login", { user, password: "x" }, { "x-forwarded-for": from });
  for (let at = 0; at < 5; at++) expect((await login("203.0.113.5", `u${at}`)).status).toBe(401);
  expect((await login("203.0.113.5", "other")).status).toBe(429);
  expect((await login("203.0.113.6", "another")).status).toBe(401);
});
