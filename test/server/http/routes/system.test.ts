import { expect, it } from "vitest";
import { TrustedProxies } from "../../../../src/server/http/connections/trusted-proxies.ts";
import { Listeners } from "../../../../src/server/http/listeners.ts";
import { testServer } from "../../../support/server.ts";

const path = "/api/v1/status";

it("tells the size of the database and the connections to those who may view metrics", async () => {
  const server = await testServer();
  const { call } = await server.user("alice", [{ role: "view", resource: "metrics" }]);
  const { status, body } = await call("GET", path);
  expect(status).toBe(200);
  expect(body.database.bytes).toBeGreaterThan(4096);
  expect(body.database.logBytes).toBeGreaterThanOrEqual(0);
  if (process.platform === "linux") {
    expect(body.connections.open).toBeGreaterThan(0);
    expect(body.connections.closed).toEqual({ address: 0, descriptors: 0, vanished: 0 });
  }
  const other = await server.user("bob", [{ role: "view", resource: "llms" }]);
  expect((await other.call("GET", path)).status).toBe(403);
});

it("tells nothing of connections where the system does not let a process see them (failure mode 103)", () => {
  expect(new Listeners(new TrustedProxies([])).connections).toBeUndefined();
});
