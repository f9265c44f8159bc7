import { describe, expect, it } from "vitest";
import { linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { probePaths } from "../../../src/wire/probe.ts";
import { BareCaller } from "../../support/bare-caller.ts";
import { requestHead, sendRaw } from "../../support/raw-http.ts";
import { testServer } from "../../support/server.ts";
import { connectBySocket, startPublisher } from "../workstations/scripted-agent.ts";

const json = { "content-type": "application/json" };
const kept = { connection: "keep-alive" };

/** The status lines of all responses in a text. */
const statuses = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

/** Sends pieces on one connection and returns it when it has been closed, or has answered so often. */
async function exchange(url: string, pieces: readonly string[], answers: number) {
  const caller = new BareCaller(Number(new URL(url).port));
  for (const piece of pieces) {
    caller.socket.write(piece);
    await Bun.sleep(20);
  }
  await caller.met(() => caller.closed !== undefined || statuses(caller.text).length >= answers);
  return caller;
}

describe("framing of requests (T97)", () => {
  const body = '{"user":"nobody","password":"x"}';
  const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n`;
  const chunked = { ...json, ...kept, "transfer-encoding": "chunked" };

  const plain = { connections: { isPlain: true } };

  it("takes trailers of a chunked request, and drops them", async () => {
    const server = await testServer();
    const head = requestHead("POST", "/api/v1/auth/login", chunked);
    const next = requestHead("GET", "/healthz", kept);
    const caller = await exchange(server.url, [`${head}${chunks}content-length: 9\r\n\r\n${next}`], 2);
    expect(statuses(caller.text)).toEqual([401, 200]);
  });

  it("refuses what is no trailer, and the request has no effect", async () => {
    const server = await testServer();
    const head = requestHead("POST", "/api/v1/auth/login", chunked);
    const trailer = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    const caller = await exchange(server.url, [`${head}${chunks}${trailer}`], 2);
    expect(statuses(caller.text)).toEqual([400]);
    expect(caller.closed).toBeDefined();
    const { body: audit } = await server.admin("GET", "/api/v1/audit?action=login");
    expect(audit).toEqual([]);
  });

  it("gives a chunked request with trailers one answer with --plain-listener, and the request has no effect", async () => {
    const server = await testServer(plain);
    const head = requestHead("POST", "/api/v1/auth/login", chunked);
    for (const trailer of ["x-trailer: 1\r\n\r\n", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"]) {
      const caller = await exchange(server.url, [`${head}${chunks}${trailer}`], 2);
      expect(statuses(caller.text), trailer).toEqual([400]);
      expect(caller.closed).toBeDefined();
    }
    const { body: audit } = await server.admin("GET", "/api/v1/audit?action=login");
    expect(audit).toEqual([]);
  });

  it("closes the connection after a chunked request with --plain-listener", async () => {
    const server = await testServer(plain);
    const head = requestHead("POST", "/api/v1/auth/login", chunked);
    const pieces = [`${head}${chunks}`, "x-trailer: 1\r\n\r\n"];
    const cut = await exchange(server.url, pieces, 2);
    expect(statuses(cut.text)).toHaveLength(1);
    expect(cut.closed).toBeDefined();
    const whole = await exchange(server.url, [`${head}${chunks}\r\n`], 2);
    expect(statuses(whole.text)).toEqual([401]);
  });

  it("refuses a length that is stated twice, also when the two are equal", async () => {
    const servers = [await testServer(), await testServer(plain)];
    for (const [server, [first, second]] of servers.flatMap((server) =>
      [
        ["10", "10"],
        ["10", "11"],
        ["99999999", "99999999"],
      ].map((lengths) => [server, lengths] as const),
    )) {
      const twice = `content-length: ${first}\r\ncontent-length: ${second}`;
      const text = `POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${twice}\r\n\r\n{"user":1}`;
      const { status } = await sendRaw(server.url, text);
      expect(status, twice).toBe(400);
    }
  });

  it("answers pipelined requests in order and once each; with --plain-listener, or closes the connection", async () => {
    const one = requestHead("GET", "/healthz", kept);
    const two = requestHead("GET", "/api/v1/version", kept);
    for (const options of [{}, plain]) {
      const server = await testServer(options);
      const caller = await exchange(server.url, [one + two + one], 3);
      const answered = statuses(caller.text);
      if (caller.closed === undefined || options !== plain) expect(answered).toEqual([200, 401, 200]);
      else expect([200, 401, 200].slice(0, answered.length)).toEqual(answered);
    }
  });
});

describe("a body that was not read (T96)", () => {
  it("is the last of its connection when it is small", async () => {
    const server = await testServer();
    const head = requestHead("POST", "/api/v1/llms", { ...json, ...kept, "content-length": "100" });
    const caller = await exchange(server.url, [`${head}{"name":`], 2);
    expect(statuses(caller.text)).toEqual([401]);
    expect(caller.closed).toBeDefined();
  });

  it("costs a caller with a large body no answer", async () => {
    const server = await testServer();
    const body = JSON.stringify({ name: "x".repeat(8 * 1024 * 1024) });
    const response = await fetch(`${server.url}/api/v1/llms`, { method: "POST", headers: json, body });
    expect(response.status).toBe(401);
  });

  it("is no reason to close a connection where there is none", async () => {
    const server = await testServer();
    const empty = requestHead("POST", "/api/v1/auth/logout", { ...kept, "content-length": "0" });
    const caller = await exchange(server.url, [empty, requestHead("GET", "/healthz", kept)], 2);
    expect(statuses(caller.text)).toEqual([401, 200]);
    expect(caller.closed).toBeUndefined();
  });
});

describe("HEAD of a stream (T98)", () => {
  it("returns its headers, also with those of an upgrade, and the agent keeps its session", async () => {
    const alice = await startPublisher();
    const agent = await connectBySocket(alice);
    const own = { authorization: `Bearer ${alice.bearer}`, [sessionHeader]: alice.sessionId };
    const upgrade = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    for (const more of [{}, upgrade]) {
      const head = await exchange(
        alice.server.url,
        [requestHead("HEAD", linkPaths.stream, { ...own, ...more })],
        1,
      );
      expect(statuses(head.text)).toEqual([200]);
    }
    const { status } = await alice.call("POST", linkPaths.heartbeat, {
      providerSessionId: alice.sessionId,
      epoch: agent.epoch,
    });
    expect(status).toBe(200);
    expect(agent.all.map(({ event }) => event)).not.toContain("superseded");
  });

  it.each(["/api/v1/llms?watch=1", "/api/v1/audit?watch=1", `${probePaths.stream}?silence=100000`])(
    "returns the headers of %s, and nothing begins",
    async (path) => {
      const server = await testServer();
      const { status, headers } = await server.admin("HEAD", path);
      expect([status, headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      expect((await server.admin("GET", "/metrics")).text).toContain("mcpctl_open_streams 0");
    },
  );
});

describe("a request of a web page of another origin (T73)", () => {
  const foreign = ["https://evil.example", "http://localhost:1", "null", "HTTPS://EVIL.example", "x"];

  it.each(foreign)(
    "is refused with Origin %s where it changes something, or is an upgrade",
    async (origin) => {
      const alice = await startPublisher();
      const agent = await connectBySocket(alice);
      for (const [method, path] of [
        ["POST", "/api/v1/auth/login"],
        ["POST", "/v1/chat/completions"],
        ["DELETE", "/api/v1/llms/home"],
        ["POST", linkPaths.heartbeat],
      ] as const)
        expect((await alice.call(method, path, {}, { origin })).status, path).toBe(403);
      for (const path of [linkPaths.stream, probePaths.stream]) {
        const head = requestHead("GET", path, {
          origin,
          authorization: `Bearer ${alice.bearer}`,
          [sessionHeader]: alice.sessionId,
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        });
        expect(statuses((await exchange(alice.server.url, [head], 1)).text), path).toEqual([403]);
      }
      const beat = { providerSessionId: alice.sessionId, epoch: agent.epoch };
      expect((await alice.call("POST", linkPaths.heartbeat, beat)).status).toBe(200);
    },
  );

  it("is served under the server's own origin, that of --public-url, and of programs that are no page", async () => {
    const server = await testServer({ publicUrls: ["https://llm.example.org/"] });
    const { call } = await server.user("alice", [{ role: "create", resource: "secrets" }]);
    const own = server.url;
    for (const [at, origin] of [
      own,
      "https://llm.example.org",
      "tauri://localhost",
      "vscode-webview://1",
    ].entries()) {
      const secret = { name: `s${at}`, data: { k: "v" } };
      expect((await call("POST", "/api/v1/secrets", secret, { origin })).status, origin).toBe(201);
    }
    expect((await call("GET", "/api/v1/version", undefined, { origin: "https://evil.example" })).status).toBe(
      200,
    );
  });
});
