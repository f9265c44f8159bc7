import { describe, expect, it } from "vitest";
import { parseBeside, readBeside } from "../../bench/beside.ts";
import { freePort } from "../../bench/processes.ts";

describe("--beside", () => {
  it("names a gateway, its URL, its model and the headers of a call", () => {
    expect(
      parseBeside("Busbar 1.5=http://127.0.0.1:8080/v1,fast,authorization: Bearer a=b,x-team: a, b"),
    ).toEqual({
      name: "Busbar 1.5",
      port: 8080,
      path: "/v1/chat/completions",
      model: "fast",
      headers: { authorization: "Bearer a=b", "x-team": "a, b" },
    });
  });

  it("takes a model with a comma, a URL without a path, and no headers", () => {
    expect(parseBeside("a=http://localhost:4000,bench,bench-model")).toEqual({
      name: "a",
      port: 4000,
      path: "/chat/completions",
      model: "bench,bench-model",
      headers: {},
    });
  });

  it.each([
    ["Busbar", "expected NAME=URL,MODEL"],
    ["Busbar=http://127.0.0.1:8080/v1", "expected NAME=URL,MODEL"],
    ["Busbar=https://127.0.0.1/v1,fast", "on this machine"],
    ["Busbar=http://example.com/v1,fast", "on this machine"],
    ["Busbar=8080,fast", "on this machine"],
  ])("refuses %s", (text, reason) => {
    expect(() => parseBeside(text)).toThrow(reason);
  });
});

describe("--upstream", () => {
  const beside = ["a=http://127.0.0.1:8080/v1,m"];

  it("is the port of the lane's upstream", async () => {
    const port = freePort();
    expect(await readBeside({ beside: [], upstream: String(port) }, "streams")).toEqual({
      gateways: [],
      ports: { streamed: port },
    });
    expect(await readBeside({ beside: [] }, undefined)).toEqual({ gateways: [], ports: {} });
  });

  it.each([
    [undefined, "throughput", "--beside needs --upstream PORT"],
    ["9100", undefined, "needs a lane, throughput or streams"],
    ["9100", "link", "needs a lane, throughput or streams"],
    ["none", "streams", "expected a port"],
    ["65536", "streams", "expected a port"],
  ])("refuses %s in the lane %s", async (upstream, lane, reason) => {
    await expect(readBeside({ beside, upstream }, lane)).rejects.toThrow(reason);
  });

  it("refuses a port that another program listens on", async () => {
    await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const refused = readBeside({ beside, upstream: String(server.port) }, "streams");
    await expect(refused).rejects.toThrow("another program listens");
  });
});
