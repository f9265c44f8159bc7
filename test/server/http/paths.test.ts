import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { hostGuard, isCanonicalPath } from "../../../src/server/http/guard.ts";
import { requestHead, sendRaw } from "../../support/raw-http.ts";
import { must, testServer } from "../../support/server.ts";
import { shared } from "../../support/shared.ts";

/** A server with an llm and a secret, and a bearer that may view the llm and nothing else. */
async function withLlm() {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/llms?probe=false", { name: "a", type: "openai", model: "m" }));
  await must(server.admin("POST", "/api/v1/secrets", { name: "a", data: { k: "sk-canary" } }));
  const { bearer, call } = await server.token("viewer", [{ role: "view", resource: "llms", name: "a" }]);
  const authorization = `Bearer ${bearer}`;
  const raw = (method: string, target: string, headers: Record<string, string> = {}) =>
    sendRaw(server.url, requestHead(method, target, { authorization, ...headers }));
  return { server, bearer, call, raw };
}

const ready = shared(withLlm);

describe("a path in another spelling (T44)", () => {
  it("returns 404, or the result of the plain path", async () => {
    const { raw } = ready();
    const plain = await raw("GET", "/api/v1/llms/a");
    expect([plain.status, JSON.parse(plain.text).name]).toEqual([200, "a"]);
    const spellings: Record<string, number> = {
      "/api/v1/llms/a/": 404,
      "/api/v1/llms//a": 404,
      "//api/v1/llms/a": 404,
      "/API/v1/llms/a": 404,
      "/api/v1/LLMS/a": 404,
      "/api%2Fv1/llms/a": 404,
      "/api/v1/llms%2fa": 404,
      "/api/v1/llms;x=1/a": 404,
      "/api/v1/llms/a;x=1": 404,
      "/api/v1/llms/a%00": 404,
      "/api/v1/llms/a%0a": 404,
      "/api/v1/llms/%2e%2e": 404,
      "/api/v1/llms/a%2e": 404,
      "/api/v1/llms/a%252e": 404,
      "/api/v1/llms%5ca": 404,
      "/api/v1/%6clms/a": 404,
      // These stand for the plain path before any rule sees them.
      "/api/v1/./llms/a": 200,
      "/api/v1/secrets/../llms/a": 200,
      "/api/v1/llms/%61": 200,
      // And these for a path that is refused.
      "/api/v1/llms/../secrets/a": 403,
      "/api/v1/llms/a/../../secrets/a": 403,
      "/healthz/../api/v1/secrets/a": 403,
    };
    for (const [target, status] of Object.entries(spellings)) {
      const got = await raw("GET", target);
      expect(got.status, target).toBe(status);
      if (status === 200) expect(got.text, target).toBe(plain.text);
      expect(got.text).not.toContain("sk-canary");
    }
  });

  it("takes the name of a model with slashes, encoded or not, and no other path by it", async () => {
    const { server } = ready();
    const { bearer } = await server.token("runner", [{ role: "run", resource: "llms" }]);
    const get = (target: string) =>
      sendRaw(server.url, requestHead("GET", target, { authorization: `Bearer ${bearer}` }));
    // The llm "a" is found as such; these names reach the list, which does not have them.
    for (const name of ["meta/llama-3", "meta%2Fllama-3", "meta%2fllama-3", "x/y/z", "x%2Fy/z"]) {
      const { status, text } = await get(`/v1/models/${name}`);
      expect([status, JSON.parse(text).error.message], name).toEqual([
        404,
        `llm "${decodeURIComponent(name)}" not found`,
      ]);
    }
    const nothing = [
      "a%2F",
      "%2Fa",
      "a%2F%2Fb",
      "..%2F..%2Fapi%2Fv1%2Fsecrets%2Fa",
      "a%2F..%2Fb",
      "a%252Fb",
      "a%5cb",
    ];
    for (const name of nothing) {
      const { status, text } = await get(`/v1/models/${name}`);
      expect([status, text.includes("there is nothing at this path")], name).toEqual([404, true]);
    }
    expect((await get("/v1/models/a")).status).toBe(200);
    expect((await get("/api/v1/llms%2Fa")).text).toContain("there is nothing at this path");
  });

  it.each(["%ff", "%c3%28", "%zz", "%", "a%e0%80%80"])(
    "is refused if it is not UTF-8: %s (T40)",
    async (name) => {
      const { raw } = ready();
      const { status, text } = await raw("GET", `/api/v1/llms/${name}`);
      expect([status, JSON.parse(text).error]).toEqual([400, "the path is not valid UTF-8"]);
    },
  );

  it.each(["A", "a b", "ａ", "а", "a‍", "..", "a/../b", "a?b", "a#b", "a."])(
    "is refused as a name: %j (T38, T39)",
    async (name) => {
      const { server } = ready();
      const { status } = await server.admin("GET", `/api/v1/llms/${encodeURIComponent(name)}`);
      expect(status).toBe(404);
      const made = await server.admin("POST", "/api/v1/secrets", { name, data: { k: "v" } });
      expect([made.status, made.body.details[0].path]).toEqual([400, "/name"]);
    },
  );

  it.each(["/", "/api/v1/llms", "/api/v1/llms/a-b", "/api/v1/llms/%61", "/v1/models/x%3Ay"])(
    "is canonical: %s",
    (path) => {
      expect(isCanonicalPath(path)).toBe(true);
    },
  );
});

describe("a method in another spelling (T45)", () => {
  it.each(["OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND", "QUERY", "FOO", "get", "GET\t"])(
    "%j reaches nothing",
    async (method) => {
      const { raw } = ready();
      const { status, text } = await raw(method, "/api/v1/llms/a");
      // 0: Bun closes the connection on a method it does not know.
      expect([0, 400, 404, 505]).toContain(status);
      expect(text).not.toContain("openai");
    },
  );

  it("is not read from a header or the query", async () => {
    const { call, server } = ready();
    const override = {
      "x-http-method-override": "DELETE",
      "x-http-method": "DELETE",
      "x-method-override": "DELETE",
    };
    expect((await call("GET", "/api/v1/llms/a?_method=DELETE", undefined, override)).body.name).toBe("a");
    expect(
      (await server.admin("POST", "/api/v1/llms/a?_method=PUT", { description: "x" }, override)).status,
    ).toBe(404);
    expect((await server.admin("GET", "/api/v1/llms/a")).body).toMatchObject({ description: "", version: 1 });
  });
});

describe("a bearer (T47)", () => {
  it("is read from authorization or x-api-key, and from nowhere else", async () => {
    const { server, bearer } = ready();
    const ask = (headers: Record<string, string>, path = "/api/v1/llms/a") =>
      server.as()("GET", path, undefined, headers);
    for (const path of ["/api/v1/llms/a", "/api/v1/llms/b", "/api/v1/secrets/a", "/v1/models"]) {
      const [one, other] = [
        await ask({ authorization: `Bearer ${bearer}` }, path),
        await ask({ "x-api-key": bearer }, path),
      ];
      expect(other.status, path).toBe(one.status);
    }
    expect((await ask({ authorization: `bearer  ${bearer}` })).status).toBe(200);
    const refused: [Record<string, string>, string?][] = [
      [{ cookie: `token=${bearer}; authorization=Bearer ${bearer}` }],
      [{ authorization: bearer }],
      [{ authorization: `Basic ${btoa(`${bearer}:`)}` }],
      [{ authorization: `Bearer ${bearer} x` }],
      [{ "x-api-key": `Bearer ${bearer}` }],
      // The header in the usual place counts, even if it is wrong.
      [{ authorization: "Bearer wrong", "x-api-key": bearer }],
      [{ "proxy-authorization": `Bearer ${bearer}` }],
    ];
    for (const name of ["token", "access_token", "api_key", "key", "authorization", "x-api-key"]) {
      refused.push([{}, `/api/v1/llms/a?${name}=${bearer}`]);
    }
    for (const [headers, path] of refused)
      expect((await ask(headers, path)).status, JSON.stringify([headers, path])).toBe(401);
  });
});

describe("a host name (T72)", () => {
  it.each([
    ["localhost", 200],
    ["localhost:7777", 200],
    ["LOCALHOST.", 200],
    ["127.0.0.1", 200],
    ["192.168.1.20:7777", 200],
    ["[::1]:7777", 200],
    [hostname(), 200],
    ["evil.example", 421],
    ["localhost.evil.example", 421],
    ["127.0.0.1.evil.example", 421],
    ["evil.example:7777", 421],
    ["2130706433", 421],
    ["localhost/x", 421],
    ["user@localhost", 421],
    ["", 421],
  ])("%j: %i", async (host, status) => {
    const { raw } = ready();
    const got = await raw("GET", "/api/v1/llms/a", { host });
    expect(got.status).toBe(status);
    if (status === 421) expect(JSON.parse(got.text)).toMatchObject({ code: "misdirected_request" });
  });

  it("may be short", async () => {
    const server = await testServer({ publicUrls: ["http://n", "http://nas"] });
    for (const host of ["n", "nas"]) {
      const get = (target: string) => sendRaw(server.url, requestHead("GET", target, { host }));
      expect((await get("/healthz")).status).toBe(200);
      expect((await get("/api/v1/llms")).status).toBe(401);
      // A router that looks for the path too far on would find one in there.
      expect((await get("/xx/healthz")).status).toBe(404);
    }
  });

  it("must be given exactly once (T46)", async () => {
    const { server, bearer } = ready();
    const lines = `connection: close\r\nauthorization: Bearer ${bearer}\r\n\r\n`;
    const send = (hosts: string) => sendRaw(server.url, `GET /api/v1/llms/a HTTP/1.1\r\n${hosts}${lines}`);
    for (const hosts of [
      "",
      "host: localhost\r\nhost: evil.example\r\n",
      "host: evil.example\r\nhost: localhost\r\n",
    ]) {
      const { status, text } = await send(hosts);
      expect([400, 421]).toContain(status);
      expect(text).not.toContain("openai");
    }
  });

  it("is checked first on every route, also for health and login", async () => {
    const { raw } = ready();
    for (const path of ["/healthz", "/readyz", "/api/v1/auth/login", "/nothing"]) {
      expect((await raw("GET", path, { host: "evil.example" })).status).toBe(421);
    }
  });

  it("may be one of --public-url", () => {
    const guard = hostGuard(["https://LLM.example.org:8443/base", "http://nas"]);
    for (const host of ["llm.example.org", "LLM.EXAMPLE.ORG:443", "nas"])
      expect(() => guard(host)).not.toThrow();
    for (const host of ["example.org", "x.llm.example.org", null])
      expect(() => guard(host)).toThrow("does not answer");
  });
});

it("is checked for pages of other origins, which get no CORS headers (T73)", async () => {
  const { call, server, bearer } = ready();
  const origin = { origin: "https://evil.example" };
  const { headers } = await call("GET", "/api/v1/llms/a", undefined, origin);
  const preflight = await sendRaw(
    server.url,
    requestHead("OPTIONS", "/api/v1/llms/a", {
      ...origin,
      "access-control-request-method": "GET",
      "x-api-key": bearer,
    }),
  );
  expect(preflight.status).toBe(404);
  for (const name of [...headers.keys(), ...Object.keys(preflight.headers)])
    expect(name).not.toMatch(/^access-control-/);
});
