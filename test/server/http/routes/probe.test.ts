import { expect, it } from "vitest";
import { probeLimits, probePaths, type UploadTimes } from "../../../../src/wire/probe.ts";
import { SseParser } from "../../../../src/wire/sse.ts";
import { type TestServer, testServer } from "../../../support/server.ts";

async function ready() {
  const server = await testServer();
  const { bearer, call } = await server.user("alice");
  return { server, bearer, call };
}

function open(server: TestServer, bearer: string, query: string, signal?: AbortSignal): Promise<Response> {
  const headers = { authorization: `Bearer ${bearer}` };
  return fetch(`${server.url}${probePaths.stream}?${query}`, { headers, ...(signal && { signal }) });
}

/** A WebSocket, and what it has said. */
function socketTo(server: TestServer, bearer: string) {
  const Socket = WebSocket as unknown as new (url: string, options: object) => WebSocket;
  const socket = new Socket(`${server.url.replace("http", "ws")}${probePaths.stream}`, {
    headers: { authorization: `Bearer ${bearer}` },
  });
  const said: unknown[] = [];
  socket.onmessage = ({ data }) => void said.push(data);
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("it does not open"));
  });
  const closed = new Promise<number>((resolve) => {
    socket.onclose = ({ code }) => resolve(code);
  });
  return { socket, said, opened, closed };
}

it("a probe stream sends events at intervals, each with its time, and an end", async () => {
  const { server, bearer } = await ready();
  const response = await open(server, bearer, "events=3&every=30&silence=60");
  expect(response.headers.get("x-accel-buffering")).toBe("no");
  const events = new SseParser().push(await response.bytes());
  expect(events.map(({ event }) => event)).toEqual(["tick", "tick", "tick", "end"]);
  const at = events.map(({ data }) => JSON.parse(data).at as number);
  const gaps = [at[1]! - at[0]!, at[2]! - at[1]!, at[3]! - at[2]!];
  for (const [gap, least] of [
    [gaps[0]!, 25],
    [gaps[1]!, 25],
    [gaps[2]!, 55],
  ] as const)
    expect(gap).toBeGreaterThanOrEqual(least);
});

it("a probe stream sends nothing during its silence, also no comments", async () => {
  const { server, bearer } = await ready();
  const leaving = new AbortController();
  const response = await open(server, bearer, "silence=400", leaving.signal);
  const text = await response.text();
  expect(text.match(/^:/m)).toBeNull();
  expect(text.match(/^event: .*$/gm)).toEqual(["event: tick", "event: end"]);
});

it("a probe upload returns the times when the parts of its body arrived", async () => {
  const { server, bearer } = await ready();
  let pulls = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (pulls++ === 1) await Bun.sleep(400);
      controller.enqueue(new Uint8Array(100));
      if (pulls === 2) controller.close();
    },
  });
  const headers = { authorization: `Bearer ${bearer}` };
  const response = await fetch(server.url + probePaths.upload, { method: "POST", headers, body });
  const { bytes, arrived } = (await response.json()) as UploadTimes;
  expect([bytes, arrived.length]).toEqual([200, 2]);
  expect(arrived[1]! - arrived[0]!).toBeGreaterThan(80);
});

it("a probe WebSocket sends messages back, and ends after too many", async () => {
  const { server, bearer } = await ready();
  const polite = socketTo(server, bearer);
  await polite.opened;
  polite.socket.send("hello");
  await expect.poll(() => polite.said).toEqual(["hello"]);
  for (const abuse of ["x".repeat(probeLimits.messageLength + 1), new Uint8Array(3)]) {
    const { socket, said, opened, closed } = socketTo(server, bearer);
    await opened;
    socket.send(abuse);
    expect(await closed).toBe(1000);
    expect(said).toEqual([]);
  }
  for (let more = 0; more < probeLimits.messages; more++) polite.socket.send("more");
  expect(await polite.closed).toBe(1000);
  expect(polite.said).toHaveLength(probeLimits.messages);
});

it("a probe has limits for all its parameters", async () => {
  const { server, bearer, call } = await ready();
  for (const query of ["events=0", "events=21", "every=5001", "silence=180001", "silence=-1", "every=x"])
    expect([query, (await open(server, bearer, query)).status]).toEqual([query, 400]);
  const large = "x".repeat(probeLimits.uploadBytes + 1);
  expect((await call("POST", probePaths.upload, large)).body).toMatchObject({ code: "payload_too_large" });
  expect((await call("POST", probePaths.upload, large.slice(1))).body).toMatchObject({
    bytes: probeLimits.uploadBytes,
  });
});

it("a principal can have four probes at a time, independent of others", async () => {
  const { server, bearer } = await ready();
  const bob = await server.user("bob");
  const leaving = new AbortController();
  const long = () => open(server, bearer, "silence=180000", leaving.signal);
  const streams = [await long(), await long(), await long()];
  const socket = socketTo(server, bearer);
  await socket.opened;
  const refused = await open(server, bearer, "events=1");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
  const upload = { method: "POST", headers: { authorization: `Bearer ${bearer}` }, body: "x" };
  expect((await fetch(server.url + probePaths.upload, upload)).status).toBe(429);
  expect((await open(server, bob.bearer, "events=1")).status).toBe(200);
  // A caller who has gone makes room.
  socket.socket.close();
  await expect.poll(async () => (await open(server, bearer, "events=1")).status).toBe(200);
  leaving.abort();
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
  await expect
    .poll(async () => {
      const all = await Promise.all([1, 2, 3, 4].map(() => open(server, bearer, "events=2&every=50")));
      return all.map(({ status }) => status);
    })
    .toEqual([200, 200, 200, 200]);
});

it("a probe does not hold up a server that stops", async () => {
  const { server, bearer } = await ready();
  const response = await open(server, bearer, "silence=180000");
  const socket = socketTo(server, bearer);
  await socket.opened;
  const began = performance.now();
  await server.stop(30_000);
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(await response.text().catch(() => "cut")).not.toContain("event: end");
  await socket.closed;
});
