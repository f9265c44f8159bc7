import { expect, it } from "vitest";
import { nodeUrl } from "../../../src/server/cluster/node-url.ts";
import { chooseLease, missingNumber } from "../../../src/server/cluster/placement.ts";

const lease = (number: number, nodeId: string) => ({
  ...{ serverId: "srv_1", slot: String(number), number, nodeId, epoch: number },
});

it("a call goes to the instance with the fewest calls, and of two alike to the one of its own node", () => {
  const leases = [lease(1, "b"), lease(2, "a"), lease(3, "c")];
  const choose = (...loads: number[]) => chooseLease(leases, "a", ({ number }) => loads[number - 1]!)?.nodeId;
  expect(choose(0, 0, 0)).toBe("a");
  expect(choose(0, 1, 1)).toBe("b");
  expect(choose(5, 3, 1)).toBe("c");
  expect(chooseLease([], "a", () => 0)).toBeUndefined();
});

it("a node takes missing replicas up to its share, and none of a server that does not run", () => {
  expect(missingNumber([], 3, "a", 2)).toBeUndefined();
  expect(missingNumber([lease(1, "b")], 3, "a", 2)).toBe(2);
  expect(missingNumber([lease(1, "b"), lease(2, "a")], 3, "a", 2)).toBe(3);
  expect(missingNumber([lease(1, "a"), lease(2, "a")], 3, "a", 2)).toBeUndefined();
  expect(missingNumber([lease(1, "a"), lease(2, "a")], 3, "a", 1)).toBe(3);
  expect(missingNumber([lease(1, "b"), lease(2, "b"), lease(3, "b")], 3, "a", 2)).toBeUndefined();
  expect(missingNumber([lease(1, "b")], 3, undefined, 2)).toBeUndefined();
});

it("other nodes reach a node at the address of its listener, or at the first that is not of its machine alone", () => {
  const address = (address: string, internal: boolean, family = "IPv4") =>
    ({ address, internal, family, ...(family === "IPv6" && { scopeid: 0 }) }) as never;
  const interfaces = { lo: [address("127.0.0.1", true)], eth0: [address("192.0.2.7", false)] };
  expect(nodeUrl("http://127.0.0.1:7777", interfaces)).toBe("http://127.0.0.1:7777");
  expect(nodeUrl("http://0.0.0.0:7777", interfaces)).toBe("http://192.0.2.7:7777");
  expect(nodeUrl("http://[::]:7777", { eth0: [address("2001:db8::7", false, "IPv6")] })).toBe(
    "http://[2001:db8::7]:7777",
  );
  expect(nodeUrl("http://0.0.0.0:7777", { lo: interfaces.lo })).toBe("http://127.0.0.1:7777");
});
