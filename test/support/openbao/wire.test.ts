import { describe, expect, it } from "vitest";
import { requestHead, sendRaw } from "../raw-http.ts";
import { openBao } from "./open.ts";
import type { TestBao } from "./types.ts";

/** Sends a request as it is, with a token. */
async function send(
  bao: TestBao,
  method: string,
  target: string,
  body = "",
  headers: Record<string, string> = {},
) {
  const length = String(Buffer.byteLength(body));
  const all = { "x-vault-token": bao.token, "content-length": length, ...headers };
  return sendRaw(bao.url, requestHead(method, target, all), body);
}

async function said(
  bao: TestBao,
  ...request: [method: string, target: string, body?: string, headers?: Record<string, string>]
) {
  const { status, text } = await send(bao, ...request);
  return [status, text === "" ? null : JSON.parse(Buffer.from(text, "latin1").toString())];
}

describe("a response", () => {
  it("is JSON that may not be cached", async () => {
    const bao = await openBao();
    for (const path of [`${bao.mount}/data/x`, "sys/health", `${bao.mount}/config`, "nowhere"]) {
      const { headers } = await bao.call("GET", path);
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("content-type")).toBe("application/json");
    }
    const { status, headers } = await bao.call("DELETE", `${bao.mount}/data/x`);
    expect([status, headers.get("cache-control"), headers.get("content-type")]).toEqual([
      204,
      "no-store",
      "application/json",
    ]);
  });

  it("exists below /v1/ only", async () => {
    const bao = await openBao();
    for (const path of ["/v1", "/nowhere", "/v2/sys/health", "/V1/sys/health"])
      expect(await said(bao, "GET", path)).toEqual([404, { errors: [] }]);
    const { status, headers } = await send(bao, "GET", "/");
    expect([status, headers["location"]]).toEqual([307, "/ui/"]);
  });
});

describe("a method", () => {
  it("may be LIST and SCAN", async () => {
    const bao = await openBao();
    const path = `/v1/${bao.mount}/metadata`;
    expect(await said(bao, "LIST", path)).toEqual([404, { errors: [] }]);
    await bao.call("POST", `${bao.mount}/data/a/x`, { data: {} });
    expect(await said(bao, "LIST", path)).toMatchObject([200, { data: { keys: ["a/"] } }]);
    expect(await said(bao, "LIST", `${path}/a`)).toMatchObject([200, { data: { keys: ["x"] } }]);
    expect(await said(bao, "SCAN", path)).toMatchObject([200, { data: { keys: ["a/x"] } }]);
  });

  it("must be known", async () => {
    const bao = await openBao();
    const path = `/v1/${bao.mount}/data/x`;
    for (const method of ["TRACE", "FETCH"])
      expect(await said(bao, method, path)).toEqual([405, { errors: [] }]);
    expect(await said(bao, "OPTIONS", path)).toEqual([
      400,
      { errors: ["cannot handle internal-only request operation"] },
    ]);
    expect(await said(bao, "HEAD", path)).toEqual([405, null]);
  });
});

describe("a path", () => {
  it("with dots or empty parts is redirected to the clean path", async () => {
    const bao = await openBao();
    const where = async (path: string, method = "GET") => {
      const { status, headers } = await send(bao, method, path);
      return [status, headers["location"]];
    };
    expect(await where("/v1/a/data/../x?version=1")).toEqual([307, "/v1/a/x?version=1"]);
    expect(await where("/v1/a//data/./x")).toEqual([307, "/v1/a/data/x"]);
    expect(await where("/v1/a/data/..")).toEqual([307, "/v1/a"]);
    expect(await where("/v1/a/data/../x", "POST")).toEqual([307, "/v1/a/x"]);
  });

  it("with escaped dots is refused", async () => {
    const bao = await openBao();
    for (const dots of ["%2e%2e", "%2E%2E", "%2e.", ".%2e", "%2e"])
      expect(await said(bao, "GET", `/v1/${bao.mount}/data/${dots}/x`), dots).toEqual([
        400,
        { errors: ["relative paths not supported"] },
      ]);
    for (const name of ["..x", "x..", "...", "x."])
      expect(await said(bao, "GET", `/v1/${bao.mount}/data/${name}`), name).toEqual([404, { errors: [] }]);
  });

  it("with characters that are not printable is refused without a message", async () => {
    const bao = await openBao();
    for (const odd of ["%00", "%0a", "%7f", "%C2%A0", "%E2%80%8B", "%09"])
      expect(await send(bao, "GET", `/v1/${bao.mount}/data/a${odd}b`), odd).toMatchObject({
        status: 400,
        text: "",
      });
    const cut = await send(bao, "GET", `/v1/${bao.mount}/data/a%zz`);
    expect([cut.status, cut.text]).toEqual([400, "400 Bad Request"]);
  });

  it("is decoded, also an escaped slash", async () => {
    const bao = await openBao();
    const write = (key: string) => said(bao, "POST", `/v1/${bao.mount}/data/${key}`, '{"data":{}}');
    for (const key of ["a%2Fb", "a%20c", "%C3%A9", "a%3Fb%23"]) expect((await write(key))[0]).toBe(200);
    expect(await said(bao, "LIST", `/v1/${bao.mount}/metadata`)).toMatchObject([
      200,
      { data: { keys: ["a c", "a/", "a?b#", "é"] } },
    ]);
    expect(await said(bao, "LIST", `/v1/${bao.mount}/metadata/a`)).toMatchObject([
      200,
      { data: { keys: ["b"] } },
    ]);
    expect(await write("%ff")).toEqual([
      500,
      { errors: ["1 error occurred:\n\t* string field contains invalid UTF-8\n\n"] },
    ]);
  });
});

describe("a body", () => {
  const wrong = (text: string) => [400, { errors: [`failed to decode JSON input: ${text}`] }];

  it("must be one JSON object, whatever its content type", async () => {
    const bao = await openBao();
    const write = (body: string, type = "application/json") =>
      said(bao, "POST", `/v1/${bao.mount}/data/x`, body, { "content-type": type });
    expect(await write("{bad")).toEqual(wrong("invalid character 'b'"));
    expect(await write('{"data":')).toEqual(wrong("unexpected EOF"));
    expect(await write('{"data":{}} x')).toEqual(
      wrong("invalid character 'x' looking for beginning of value"),
    );
    expect(await write('{"a":1,}')).toEqual(
      wrong("invalid character '}' looking for beginning of object key string"),
    );
    expect(await write('{"a" 1}')).toEqual(wrong("invalid character '1' after object key"));
    expect(await write('{"a":"\u0001"}')).toEqual(wrong("invalid character '\\x01' in string literal"));
    expect(await write('{"a":tru}')).toEqual(wrong("invalid character '}' in literal true (expecting 'e')"));
    for (const [body, kind] of [
      ["[]", "array"],
      ["1", "number"],
      ['"x"', "string"],
      ["true", "bool"],
    ] as const)
      expect(await write(body)).toEqual(
        wrong(`json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`),
      );
    for (const empty of ["", "  ", "null"])
      expect(await write(empty)).toEqual([400, { errors: ["no data provided"] }]);
    expect((await write('{"data":{}}', "text/plain"))[0]).toBe(200);
    expect((await write('{"data":{}} {"more":1}'))[0]).toBe(200);
  });

  it("may come in chunks", async () => {
    const bao = await openBao();
    const chunks = ['{"data":', '{"k":"v"}}']
      .map((text) => `${text.length.toString(16)}\r\n${text}\r\n`)
      .join("");
    const answer = await sendRaw(
      bao.url,
      requestHead("POST", `/v1/${bao.mount}/data/x`, {
        "x-vault-token": bao.token,
        "transfer-encoding": "chunked",
      }),
      `${chunks}0\r\n\r\n`,
    );
    expect(answer.status).toBe(200);
    expect((await bao.call("GET", `${bao.mount}/data/x`)).body.data.data).toEqual({ k: "v" });
  });

  it("has at most 1,000 strings, names and values", async () => {
    const bao = await openBao();
    // Besides "data" itself.
    const write = (strings: number) => {
      const pairs = Array.from({ length: Math.floor(strings / 2) }, (_, n) => [`k${n}`, "v"]);
      const odd = strings % 2 === 1 ? [["n", 1]] : [];
      return bao.call("POST", `${bao.mount}/data/x`, { data: Object.fromEntries([...pairs, ...odd]) });
    };
    expect((await write(999)).status).toBe(200);
    const refused = await write(1000);
    expect([refused.status, refused.body]).toEqual([
      400,
      { errors: ["refused JSON input due to high complexity: exceeded maximum number of strings"] },
    ]);
  });

  it("has at most 32 MiB", async () => {
    const bao = await openBao();
    const write = (length: number) =>
      bao.call("POST", `${bao.mount}/data/x`, `{"data":{"k":"${"x".repeat(length)}"}}`);
    expect((await write(31 * 1024 * 1024)).status).toBe(200);
    const body = `{"data":{"k":"${"x".repeat(32 * 1024 * 1024)}"}}`;
    const { status, text } = await send(bao, "POST", `/v1/${bao.mount}/data/x`, body);
    expect([status, JSON.parse(text)]).toEqual([413, { errors: ["http: request body too large"] }]);
  });
});

describe("health", () => {
  it("needs no token, and has a status that a query can choose", async () => {
    const bao = await openBao();
    const health = async (query = "", method = "GET") => {
      const { status, body } = await bao.call(method, `sys/health${query}`, undefined, { token: "" });
      return [status, body];
    };
    const well = {
      initialized: true,
      sealed: false,
      standby: false,
      replication_performance_mode: "disabled",
      replication_dr_mode: "disabled",
      server_time_utc: expect.any(Number),
      version: expect.stringMatching(/^2\./),
      cluster_name: expect.any(String),
      cluster_id: expect.any(String),
    };
    expect(await health()).toEqual([200, well]);
    expect(await health("?standbyok=true&perfstandbyok=true")).toEqual([200, well]);
    expect(await health("?activecode=299")).toEqual([299, well]);
    expect(await health("?activecode=x")).toEqual([400, { errors: [] }]);
    expect(await health("", "HEAD")).toEqual([200, undefined]);
    expect(await health("", "POST")).toEqual([405, { errors: [] }]);
    const { status, body } = await bao.call("GET", "sys/seal-status", undefined, { token: "" });
    expect([status, body]).toMatchObject([200, { initialized: true, sealed: false, progress: 0 }]);
    expect((await bao.call("POST", "sys/seal-status")).status).toBe(405);
  });
});
