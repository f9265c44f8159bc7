import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import { HiddenValues, type ReadTokens } from "../../../../src/server/mcp/traffic/hidden-values.ts";
import { MessageRing, type TrafficMessage } from "../../../../src/server/mcp/traffic/message-ring.ts";
import { type NewMessage, ProjectTraffic } from "../../../../src/server/mcp/traffic/project-traffic.ts";
import { row } from "../../../support/row.ts";

type ReadSecret = ConstructorParameters<typeof HiddenValues>[0];

const secret = row("s1", "secret", "k", { status: { keys: ["token"], externalRef: "s1/1" } });
const valueFrom = { secretRef: { name: "k", key: "token" } };
const snapshot = new Snapshot({
  revision: 1,
  rows: [
    secret,
    row("srv1", "server", "s", { spec: { env: [{ name: "KEY", valueFrom }] } }),
    row("sa1", "serverattachment", "s", { scope: "p", status: { position: 1 } }),
  ],
  refs: [],
  sessions: [],
  bearers: [],
  withPassword: [],
  lastUsed: [],
});

const projectOf = (traffic: string) => row("p1", "project", "p", { spec: { traffic } });

const message = (at = 1): NewMessage => ({
  type: "request",
  method: "tools/call",
  from: "client",
  at,
  bytes: 2,
  userId: "u",
  tokenId: null,
  requestId: "r",
});

function traffic(read: ReadSecret, mode = "full", readTokens: ReadTokens = async () => []) {
  const added: number[] = [];
  let now = 0;
  const hidden = new HiddenValues(read, readTokens, () => now);
  const one = new ProjectTraffic(projectOf(mode), hidden, () => added.push(1));
  const bodies = () => one.ring.after(0, 1000).map(({ body }) => body && Buffer.from(body).toString());
  /** Resolves when so many messages are in the ring. */
  const settled = async (count: number) => {
    while (one.ring.after(0, 1000).length < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const later = () => {
    now += 60_000;
  };
  return { traffic: one, bodies, settled, later };
}

const reads =
  (value: string): ReadSecret =>
  async () => ({ token: value });

describe("the messages of a project", () => {
  it("have no body if a secret cannot be read, so that it cannot be masked (T221)", async () => {
    const {
      traffic: one,
      settled,
      bodies,
    } = traffic(async () => {
      throw new Error("no such host");
    });
    one.record(message(), "the value of a secret", snapshot);
    await settled(1);
    expect(bodies()).toEqual([undefined]);
    expect(one.ring.after(0, 1)[0]!.leftOut).toBe('secret "k" cannot be read, so its value cannot be masked');
  });

  it("have no value that a secret had before, which a process may still have (T221)", async () => {
    let value = "first-value";
    const { traffic: one, settled, bodies, later } = traffic(async () => ({ token: value }));
    one.record(message(), "first-value", snapshot);
    await settled(1);
    value = "second-value";
    later();
    one.record(message(), "first-value second-value", snapshot);
    await settled(2);
    expect(bodies()).toEqual(["[redacted]", "[redacted] [redacted]"]);
  });

  it("have no token with which a server is called, and no body if the tokens cannot be read (T221)", async () => {
    const echo = { access: "access-0123456789", refresh: 'refresh-"quoted"' };
    const tokens = async (id: string) => (id === "srv1" ? Object.values(echo) : []);
    const { traffic: one, settled, bodies } = traffic(reads("x"), "full", tokens);
    one.record(message(), JSON.stringify({ text: JSON.stringify(echo) }), snapshot);
    await settled(1);
    expect(bodies()[0]).toContain("[redacted]");
    expect(bodies()[0]).not.toMatch(/access-0123|refresh-/);
    const broken = traffic(reads("x"), "full", () => Promise.reject(new Error("no such host")));
    broken.traffic.record(message(), "a token", snapshot);
    await broken.settled(1);
    expect(broken.bodies()).toEqual([undefined]);
    const { leftOut } = broken.traffic.ring.after(0, 1)[0]!;
    expect(leftOut).toBe('the tokens for server "s" cannot be read, so they cannot be masked');
  });

  it("have bodies of 64 KB at most, cut behind a character, and no value that is cut through (T222)", async () => {
    const value = "v".repeat(3000);
    const { traffic: one, settled, bodies } = traffic(reads(value));
    one.record(message(), `${"x".repeat(64 * 1024 - 100)}${value}`, snapshot);
    one.record(message(), `x${"€".repeat(100_000)}`, snapshot);
    await settled(2);
    const [first, second] = bodies();
    expect(first).toHaveLength(64 * 1024 - 100 + "[redacted]".length);
    expect(second).toBe(`x${"€".repeat(21_845)}`);
    expect(one.ring.after(0, 2)[1]!.isCut).toBe(true);
  });

  it("stay in order while a secret is read, and those that come too fast have no body (T222)", async () => {
    const answer = Promise.withResolvers<Record<string, string>>();
    const { traffic: one, settled, bodies } = traffic(() => answer.promise);
    for (let i = 0; i < 150; i++) one.record(message(i), `message ${i}`, snapshot);
    expect(bodies()).toEqual([]);
    answer.resolve({ token: "value" });
    await settled(150);
    expect(one.ring.after(0, 1000).map(({ at }) => at)).toEqual(Array.from({ length: 150 }, (_, i) => i));
    expect(bodies().filter((body) => body !== undefined)).toHaveLength(100);
    expect(one.ring.after(0, 1000).at(-1)!.leftOut).toBe("too many messages came at once");
  });

  it("are dropped if the project wants none by the time that the secret is read (T220)", async () => {
    const answer = Promise.withResolvers<Record<string, string>>();
    const { traffic: one } = traffic(() => answer.promise);
    one.record(message(), "private", snapshot);
    one.update(projectOf("off"));
    answer.resolve({ token: "value" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(one.ring.after(0, 10)).toEqual([]);
    expect(one.ring.bytes).toBe(0);
  });
});

describe("the ring of messages", () => {
  it("keeps 1,000 messages, however small they are (T222)", () => {
    const ring = new MessageRing();
    for (let seq = 1; seq <= 1500; seq++) ring.push({ ...message(), seq });
    expect(ring.after(0, 2000).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i + 501),
    );
  });

  it("keeps the newest 1,000 messages in 8 MB, and knows what it dropped (T222)", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 64 * 1024 }), { minLength: 1, maxLength: 1500 });
    fc.assert(
      fc.property(sizes, (bodies) => {
        const ring = new MessageRing();
        bodies.forEach((size, i) => {
          ring.push({ ...message(), seq: i + 1, body: new Uint8Array(size) } as TrafficMessage);
        });
        const kept = ring.after(0, 2000);
        expect(kept.length).toBeLessThanOrEqual(1000);
        expect(ring.bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
        expect(kept.map(({ seq }) => seq)).toEqual(
          Array.from({ length: kept.length }, (_, i) => bodies.length - kept.length + i + 1),
        );
        expect(ring.hasDroppedAfter(0)).toBe(kept.length < bodies.length);
        expect(ring.hasDroppedAfter(bodies.length - kept.length)).toBe(false);
        ring.clear();
        expect(ring.bytes).toBe(0);
      }),
      { numRuns: 20 },
    );
  });
});
