import { expect, it } from "vitest";
import { InstanceMoved, LinkLost } from "../../../src/server/cluster/link-messages.ts";
import type { NodeLink } from "../../../src/server/cluster/node-link.ts";
import { WorkstationNodes } from "../../../src/server/cluster/workstation-nodes.ts";
import type { ClusterNode } from "../../../src/server/core/store/cluster-store.ts";

/** The answer of a node that is asked for an agent: true if it has it; `silent` never answers. */
type Found = boolean | "silent" | "gone";

/** A call at the node `self`, which has no agent, among other nodes. `there` carries it out at one of them. */
function callAmong(found: Record<string, Found>, there: (node: string) => Promise<string>) {
  const asked: string[] = [];
  const ids = ["self", ...Object.keys(found)];
  const nodes = new Map(ids.map((id) => [id, { id } as ClusterNode]));
  const to = (node: ClusterNode) => {
    const request = () => {
      asked.push(node.id);
      const answer = found[node.id];
      if (answer === "silent") return new Promise(() => {});
      return answer === "gone" ? Promise.reject(new LinkLost(true)) : Promise.resolve({ found: answer });
    };
    return { node, request } as unknown as NodeLink;
  };
  const finder = new WorkstationNodes({ id: "self", nodes }, { to }, 20);
  const call = () =>
    finder.call("llm_1", {
      isHere: () => false,
      here: async () => "here",
      there: ({ node }) => there(node.id),
      lost: () => new Error("lost"),
    });
  return { asked, call, nodes };
}

it("an agent is found beside nodes that are silent or gone, and its node is remembered", async () => {
  const { asked, call, nodes } = callAmong({ a: "silent", b: "gone", c: true }, async (node) => `at ${node}`);
  expect([await call(), await call()]).toEqual(["at c", "at c"]);
  expect(asked).toEqual(["a", "b", "c"]);
  nodes.delete("c");
  expect(await call()).toBe("here");
});

it("a node that does not answer holds a call up only for a while (failure mode 281)", async () => {
  const { call } = callAmong({ a: "silent", b: false }, () => expect.fail("no node has the agent"));
  expect(await call()).toBe("here");
});

it("a node that has lost the agent, or was not reached, is tried once, and another one then", async () => {
  const errors: Record<string, Error> = { a: new InstanceMoved(), b: new LinkLost(true) };
  const found: Record<string, Found> = { a: true, b: false };
  const tried: string[] = [];
  const { call } = callAmong(found, async (node) => {
    tried.push(node);
    Object.assign(found, { a: false, b: true });
    throw errors[node];
  });
  expect(await call()).toBe("here");
  expect(tried).toEqual(["a", "b"]);
});

it("a call that may have been carried out is not repeated, and other errors stay as they are", async () => {
  const tried: string[] = [];
  const error = new Error("no");
  for (const [thrown, seen] of [
    [new LinkLost(false), "lost"],
    [error, "no"],
  ] as const) {
    const { call } = callAmong({ a: true, b: true }, async (node) => {
      tried.push(node);
      throw thrown;
    });
    await expect(call()).rejects.toThrow(seen);
  }
  expect(tried).toEqual(["a", "a"]);
});
