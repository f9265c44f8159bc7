import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { traceSettings } from "../../../src/server/observability/trace-settings.ts";
import { workerCount } from "../../../src/server/workers/worker-count.ts";
import { BareCaller } from "../../support/bare-caller.ts";
import { requestHead } from "../../support/raw-http.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import {
  type Connection,
  chatAnswer,
  chatFrames,
  chunk,
  goodProvider,
  reply,
  streamHead,
  upstream,
} from "../../support/upstream.ts";

const workers = { count: 2, environment: {} };
const run = [{ role: "run", resource: "llms" }];
const path = "/v1/chat/completions";
const messages = [{ role: "user", content: "hi" }];
const answer = reply(200, chatAnswer("done"));

async function withWorkers(
  provider: { url: string },
  llm: object = {},
  options: Parameters<typeof testServer>[0] = {},
) {
  const server = await testServer({ workers, ...options });
  await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: "sk-first" } }));
  await addLlm(server, { name: "gpt", url: provider.url, ...llm });
  const { bearer } = await server.token("t", run);
  return { server, bearer };
}

function addLlm(server: TestServer, fields: object) {
  const llm = { type: "openai", model: "up", apiKeyRef: { name: "key", key: "k" }, ...fields };
  return must(server.admin("POST", "/api/v1/llms?probe=false", llm));
}

/** Connections that are kept, so many that each worker has some. */
class Callers {
  readonly #callers: BareCaller[];
  readonly #bearer: string;

  constructor(server: TestServer, bearer: string, count = 24) {
    this.#callers = Array.from({ length: count }, () => new BareCaller(Number(new URL(server.url).port)));
    this.#bearer = bearer;
  }

  /** Sends a call on every connection. Returns the statuses when all are answered. */
  async all(body: object = { model: "gpt", messages }): Promise<number[]> {
    const starts = this.send(body);
    await Promise.all(
      this.#callers.map((caller, at) =>
        caller.met(() => caller.closed !== undefined || isWhole(caller.text.slice(starts[at]))),
      ),
    );
    return this.#callers.map((caller, at) =>
      Number(/HTTP\/1\.1 (\d{3})/.exec(caller.text.slice(starts[at]))?.[1] ?? 0),
    );
  }

  /** Sends a call on every connection. Returns where its response begins in what comes. */
  send(body: object): number[] {
    const text = JSON.stringify(body);
    const head = requestHead("POST", path, {
      authorization: `Bearer ${this.#bearer}`,
      connection: "keep-alive",
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(text)),
    });
    const starts = this.#callers.map((caller) => caller.text.length);
    for (const caller of this.#callers) caller.socket.write(head + text);
    return starts;
  }
}

/** True for a whole response with a length. */
function isWhole(text: string): boolean {
  const [head = "", body] = text.split("\r\n\r\n", 2);
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  return (
    body !== undefined &&
    length !== undefined &&
    Buffer.byteLength(text) >= Buffer.byteLength(head) + 4 + Number(length)
  );
}

const only = (statuses: readonly number[]) => [...new Set(statuses)];

describe("workers", () => {
  it("know a new llm, another key and a deleted token as soon as whoever changed it has the answer (failure mode 295)", async () => {
    const provider = upstream(goodProvider);
    const { server, bearer } = await withWorkers(provider);
    const callers = new Callers(server, bearer);
    expect(only(await callers.all())).toEqual([200]);
    for (let round = 0; round < 5; round++) {
      await addLlm(server, { name: `new${round}`, url: provider.url });
      expect(only(await callers.all({ model: `new${round}`, messages }))).toEqual([200]);
      await must(server.admin("PUT", "/api/v1/secrets/key", { name: "key", data: { k: `sk-${round}` } }));
      provider.seen.length = 0;
      expect(only(await callers.all())).toEqual([200]);
      expect(only(provider.seen.map(({ headers }) => headers["authorization"] as never))).toEqual([
        `Bearer sk-${round}`,
      ]);
      await must(server.admin("DELETE", `/api/v1/llms/new${round}`));
      expect(only(await callers.all({ model: `new${round}`, messages }))).toEqual([404]);
    }
    await must(server.admin("DELETE", "/api/v1/tokens/t"));
    expect(only(await callers.all())).toEqual([401]);
  });

  it("let through as many calls as a limit allows, however many connections ask at once", async () => {
    const provider = upstream(goodProvider);
    const { server } = await withWorkers(provider);
    const { body } = await must(
      server.admin("POST", "/api/v1/tokens", {
        name: "ten",
        roleBindings: run,
        limits: { requestsPerMinute: 30 },
      }),
    );
    const callers = new Callers(server, body.token, 50);
    const statuses = [...(await callers.all()), ...(await callers.all())];
    expect(statuses.filter((status) => status === 200)).toHaveLength(30);
    expect(statuses.filter((status) => status === 429)).toHaveLength(70);
    expect(provider.seen).toHaveLength(30);
    const { body: limits } = await must(server.as(body.token)("GET", "/api/v1/limits?mine=true"));
    expect(JSON.stringify(limits)).toContain('"used":30');
  });

  it("have at most so many calls of an llm under way as it takes, all together", async () => {
    const held: Connection[] = [];
    const provider = upstream((_, connection) => void held.push(connection));
    const { server, bearer } = await withWorkers(provider, {
      limits: { maxConcurrent: 2, queueSeconds: 60 },
    });
    const callers = new Callers(server, bearer, 12);
    const all = callers.all();
    for (let done = 0; done < 12; done += 2) {
      await expect.poll(() => held.length).toBe(done + 2);
      expect(provider.seen).toHaveLength(done + 2);
      held[done]!.write(answer);
      held[done + 1]!.write(answer);
    }
    expect(only(await all)).toEqual([200]);
  });

  it("end the streams of a token that is deleted", async () => {
    const provider = upstream((_, connection) => {
      connection.write(streamHead);
      connection.write(chunk(chatFrames(["hel"], false)[0]!));
    });
    const { server, bearer } = await withWorkers(provider);
    const callers = Array.from({ length: 6 }, () =>
      fetch(server.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "gpt", messages, stream: true }),
      }),
    );
    const responses = await Promise.all(callers);
    const texts = responses.map((response) => response.text().catch(() => "cut"));
    await must(server.admin("DELETE", "/api/v1/tokens/t"));
    for (const text of await Promise.all(texts)) expect(text).toMatch(/no longer valid|cut/);
  });

  it("pass everything else on, with the address of its caller", async () => {
    const provider = upstream(goodProvider);
    const { server, bearer } = await withWorkers(provider);
    const call = server.as(bearer);
    expect((await call("GET", "/v1/models")).body.data).toHaveLength(1);
    expect((await call("GET", "/nothing")).status).toBe(404);
    // Larger than what a worker reads.
    const content = "x".repeat(1_500_000);
    const large = await call("POST", path, { model: "gpt", messages: [{ role: "user", content }] });
    expect(large.status).toBe(200);
    expect(provider.seen.at(-1)!.body.messages[0].content).toBe(content);
    // Failures of logins count for an address.
    for (let n = 0; n < 40; n++)
      await server.as()("POST", "/api/v1/auth/login", { user: "admin", password: `${n}` });
    expect((await server.as()("POST", "/api/v1/auth/login", { user: "admin", password: "x" })).status).toBe(
      429,
    );
    // One connection: a call, a list, a call in parts, a call.
    const caller = new BareCaller(Number(new URL(server.url).port));
    const body = JSON.stringify({ model: "gpt", messages });
    const headers = {
      authorization: `Bearer ${bearer}`,
      connection: "keep-alive",
      "content-type": "application/json",
    };
    const whole = requestHead("POST", path, { ...headers, "content-length": String(body.length) }) + body;
    const list = requestHead("GET", "/v1/models", headers);
    const parts = `${requestHead("POST", path, { ...headers, "transfer-encoding": "chunked" })}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    caller.socket.write(whole + whole + list + parts + whole + requestHead("GET", "/healthz", {}));
    await caller.met(() => caller.closed !== undefined);
    expect([...caller.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)).toEqual(
      Array(6).fill("200"),
    );
  });

  it("count in the metrics as one server", async () => {
    const provider = upstream(goodProvider);
    const { server, bearer } = await withWorkers(provider);
    expect(only(await new Callers(server, bearer, 40).all())).toEqual([200]);
    const { text } = await must(server.admin("GET", "/metrics"));
    expect(text).toContain(`mcpctl_http_requests_total{method="POST",route="${path}",status="200"} 40`);
    expect(text).toMatch(/gen_ai_server_request_duration_seconds_count\{[^}]*\} 40/);
    expect(text).toMatch(/^mcpctl_calls_in_flight 0$/m);
    await expect
      .poll(async () => (await must(server.admin("GET", "/api/v1/tokens/t"))).body.lastUsedAt)
      .toBeTruthy();
    await expect
      .poll(async () => (await must(server.admin("GET", "/api/v1/llms/gpt"))).body.health?.latencyMs ?? -1)
      .toBeGreaterThanOrEqual(0);
  });

  it("finish their calls when the server stops, and take no new ones", async () => {
    const held: Connection[] = [];
    const provider = upstream((_, connection) => void held.push(connection));
    const { server, bearer } = await withWorkers(provider);
    const callers = new Callers(server, bearer, 8);
    const all = callers.all();
    await expect.poll(() => held.length).toBe(8);
    const stopped = server.stop(30_000);
    await expect.poll(() => refuses(server)).toBe(true);
    for (const connection of held) connection.write(answer);
    expect(only(await all)).toEqual([200]);
    await stopped;
  });

  it("write the lines of the access log, and say what became of their traces, also when the server stops", async () => {
    const provider = upstream(goodProvider);
    const lines: string[] = [];
    const traces = traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" })!;
    const accessLog = (line: string) => void lines.push(line);
    const { server, bearer } = await withWorkers(provider, {}, { traces, accessLog });
    lines.length = 0;
    expect(only(await new Callers(server, bearer).all())).toEqual([200]);
    await server.stop();
    expect(lines.filter((line) => line.includes(path))).toHaveLength(24);
    expect(server.logged.join("\n")).toMatch(/the trace collector receives no spans: .*ECONNREFUSED/);
  });

  it("leave no other server their port, and are refused one that is taken", async () => {
    const server = await testServer({ workers });
    const { port } = new URL(server.url);
    for (const other of [{ workers }, {}])
      await expect(
        testServer({ ...other, listen: { hostname: "127.0.0.1", port: Number(port) } }),
      ).rejects.toThrow(`127.0.0.1:${port} is taken by another program`);
    await server.stop();
    const next = await testServer({ workers, listen: { hostname: "127.0.0.1", port: Number(port) } });
    expect((await next.as()("GET", "/healthz")).status).toBe(200);
  });

  it("are the only ones whose connections the main thread takes on its own port (T310)", async () => {
    const server = await testServer({ workers });
    const ports = new Set(listeningPorts());
    expect(ports.delete(Number(new URL(server.url).port))).toBe(true);
    expect(ports.size).toBeGreaterThan(0);
    const request = requestHead("GET", "/healthz", {});
    const greeting = `${"0".repeat(64)} 10.9.8.7 4711\n`;
    for (const port of ports)
      for (const text of [request, greeting + request, "x".repeat(1000)]) {
        const caller = new BareCaller(port);
        caller.socket.write(text);
        await caller.met(() => caller.closed !== undefined);
        expect(caller.text).toBe("");
      }
  });
});

/** True if a server takes no connection any more. */
function refuses(server: TestServer): Promise<boolean> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  return new Promise((resolve) => {
    socket.on("connect", () => resolve(false));
    socket.on("error", () => resolve(true));
  });
}

/** The ports of 127.0.0.1 on which this process listens. */
function listeningPorts(): number[] {
  const lines = readFileSync("/proc/self/net/tcp", "utf8").split("\n").slice(1);
  const own = new Set(
    readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return lines.flatMap((line) => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    return state === "0A" && own.has(inode) ? Number.parseInt(local.split(":")[1]!, 16) : [];
  });
}

describe("--workers", () => {
  it.each([
    [undefined, 0],
    ["1", 0],
    ["2", 2],
    ["64", 64],
    ["auto", 7],
  ])("%s is %i threads on eight cores", (text, count) => {
    expect(workerCount(text, false, { cores: 8, platform: "linux" })).toBe(count);
  });

  it.each([[{ cores: 3, platform: "linux" }], [{ cores: 8, platform: "darwin" }]])(
    "auto is the main thread alone with %o",
    (machine) => {
      expect(workerCount("auto", false, machine)).toBe(0);
    },
  );

  it.each(["0", "65", "many", "-1", "2.5"])("%s is refused", (text) => {
    expect(() => workerCount(text, false, { cores: 8, platform: "linux" })).toThrow(
      `--workers: "${text}" is not auto`,
    );
  });

  it("is refused elsewhere than on Linux, and together with --plain-listener", () => {
    expect(() => workerCount("2", false, { cores: 8, platform: "darwin" })).toThrow("on Linux only");
    expect(() => workerCount("2", true, { cores: 8, platform: "linux" })).toThrow("--plain-listener");
  });
});
