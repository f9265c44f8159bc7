import { expect, it } from "vitest";
import { nodeLinkPath } from "../../../src/server/cluster/node-link.ts";
import {
  helloOf,
  nodeHeader,
  nonceOfHello,
  SealedChannel,
} from "../../../src/server/cluster/sealed-channel.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { databaseWithTables } from "../../postgres.ts";
import { testServer } from "../../support/server.ts";

const key = Buffer.alloc(32, 1).toString("base64url");
const otherKey = Buffer.alloc(32, 2).toString("base64url");
const nonce = "n".repeat(24);

it("a proof of a node is for one node and one key (T175)", () => {
  const hello = helloOf(key, "nod_1", nonce);
  expect(nonceOfHello(key, "nod_1", hello)).toBe(nonce);
  expect(nonceOfHello(otherKey, "nod_1", hello)).toBeUndefined();
  expect(nonceOfHello(key, "nod_2", hello)).toBeUndefined();
  expect(nonceOfHello(key, "nod_1", hello.replace(nonce, `m${nonce.slice(1)}`))).toBeUndefined();
  for (const wrong of ["", ".", "..", "nod_1", `nod_1.${nonce}.`, "x".repeat(10_000)])
    expect(nonceOfHello(key, "nod_1", wrong)).toBeUndefined();
});

it("a message cannot be read, changed, repeated, left out or sent back by others (T175)", () => {
  const pair = (nonces: [string, string]) =>
    [new SealedChannel(key, nonces, true), new SealedChannel(key, nonces, false)] as const;
  const [one, other] = pair(["a", "b"]);
  const first = one.seal("first secret");
  expect(first.toString("latin1")).not.toContain("secret");
  expect(other.open(first)).toBe("first secret");
  expect(() => other.open(first)).toThrow();
  const [next, receiver] = pair(["a", "c"]);
  next.seal("left out");
  expect(() => receiver.open(next.seal("second"))).toThrow();
  const [asks, asked] = pair(["a", "d"]);
  expect(() => asks.open(asks.seal("mirrored"))).toThrow();
  expect(() => asked.open(first)).toThrow();
  const changed = asks.seal("text");
  changed[0]! ^= 1;
  expect(() => asked.open(changed)).toThrow();
});

it("a server opens a link only for a node, and closes it if the proof was only heard (T175)", async () => {
  const store = await openStore({ url: await databaseWithTables(), now: Date.now });
  const server = await testServer({ store, node: "a" });
  const { bearer } = await server.token("root", [{ role: "edit", resource: "*" }]);
  const upgrade = { upgrade: "websocket", connection: "Upgrade", "sec-websocket-version": "13" };
  const headers = { ...upgrade, "sec-websocket-key": Buffer.alloc(16).toString("base64") };
  // A bearer of an administrator is no proof.
  const answer = (hello?: string) =>
    server.as(bearer)("GET", nodeLinkPath, undefined, { ...headers, ...(hello && { [nodeHeader]: hello }) });
  const [node] = (await store.cluster!.clusterState()).nodes;
  expect((await answer()).status).toBe(401);
  expect((await answer(helloOf(otherKey, node!.id, nonce))).status).toBe(401);
  expect((await answer(helloOf(node!.key, "nod_other", nonce))).status).toBe(401);
  // Somebody repeats a proof without knowing the key: no message of his is taken.
  const heard = { headers: { [nodeHeader]: helloOf(node!.key, node!.id, nonce) } };
  const socket = new WebSocket(`${server.url.replace("http", "ws")}${nodeLinkPath}`, heard as never);
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
  socket.send(Buffer.from("a request that nobody sealed"));
  await closed;
  // No row of the API has the key.
  for (const path of ["servers", "instances", "kinds"])
    expect((await server.admin("GET", `/api/v1/${path}`)).text).not.toContain(node!.key);
});

it("a server on SQLite has no such route, and no nodes", async () => {
  const server = await testServer();
  expect((await server.admin("GET", nodeLinkPath)).status).toBe(404);
});
