import { join } from "node:path";
import { Client as McpClient, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { onTestFinished } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import type { ServerOptions } from "../../../src/server/options.ts";
import { databaseWithTables } from "../../postgres.ts";
import { type McpTestServer, mcpTestServer } from "../../support/mcp/runtime.ts";
import { type Client, client } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Leases that a busy machine does not end. */
export const longLeases = { beat: 100, lease: 120_000, margin: 1000 };

/** Leases of one node that end when the test says so. Until then no node counts as gone, however long it gets no processor. */
export function endableLeases() {
  const times = { ...longLeases };
  return {
    times,
    /** From now on, this node takes those for gone that do not renew their leases. */
    endOthers() {
      times.lease = 4000;
    },
    /** This node takes its own lease for ended as soon as it has not renewed it for a second; or not any more. */
    endOwn(isSoon: boolean) {
      times.margin = isSoon ? longLeases.lease - 1000 : longLeases.margin;
    },
  };
}

/** Starts servers of mcpctl on one database, in this process. Their leases do not end within a test. */
export async function nodes(names: readonly string[], options: Partial<ServerOptions> = {}) {
  const url = await databaseWithTables();
  const started: McpTestServer[] = [];
  for (const node of names) {
    const store = await openStore({ url, now: Date.now });
    started.push(await mcpTestServer({ node, store, leaseTimes: longLeases, ...options }));
  }
  return { url, nodes: started };
}

/** A server of mcpctl in a process of its own, which a test can kill or stop for a while. */
export interface SeparateNode {
  admin: Client;
  url: string;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number>;
}

export async function separateNode(
  url: string,
  node: string,
  folder = temporaryFolder(),
  leaseTimes = longLeases,
): Promise<SeparateNode> {
  const words = [
    process.execPath,
    join(import.meta.dirname, "separate-node.ts"),
    folder,
    url,
    node,
    JSON.stringify(leaseTimes),
  ];
  const child = Bun.spawn(words, { stdout: "pipe", stderr: "ignore" });
  onTestFinished(() => child.kill("SIGKILL"));
  const { value } = await child.stdout.getReader().read();
  if (!value) throw new Error("the node did not start");
  const [, own = ""] = Buffer.from(value).toString().trim().split(" ");
  return {
    admin: client("http://localhost", {}, join(folder, "s.sock")),
    url: own,
    kill: (signal) => child.kill(signal),
    exited: child.exited,
  };
}

/** Ends the lease of a node that is gone, as the others do after its time. */
export async function endLease(url: string, node: string): Promise<void> {
  const store = await openStore({ url, now: Date.now });
  const { nodes } = await store.cluster!.clusterState();
  await store.cluster!.leave(nodes.find(({ name }) => name === node)!.id);
  await store.close();
}

/** The journal of a program that all nodes start: `start PID` for each start. */
export function startsIn(journal: readonly string[]): number[] {
  return journal.filter((line) => line.startsWith("start ")).map((line) => Number(line.slice(6)));
}

/** Connects an official client of the legacy era to a node. */
export async function connectedClient(
  node: McpTestServer,
  bearer: string,
  capabilities = {},
): Promise<McpClient> {
  const made = new McpClient({ name: "test", version: "1" }, { capabilities });
  if ("roots" in capabilities)
    made.setRequestHandler("roots/list", async () => ({ roots: [{ uri: "file:///here" }] }));
  const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
  const endpoint = new URL(`${node.url}/projects/p/mcp`);
  await made.connect(new StreamableHTTPClientTransport(endpoint, { requestInit }));
  return made;
}
