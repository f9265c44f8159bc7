import { join } from "node:path";
import { mcpServer } from "../../src/kinds/mcp-server.ts";
import { withLists } from "../../src/server/core/catalogue/mcp-pins.ts";
import { newId } from "../../src/server/core/ids.ts";
import { openStore } from "../../src/server/core/store/index.ts";
import type { McpDefinition } from "../../src/server/core/store/mcp-status.ts";
import { statusOf } from "../../src/server/core/store/typed-rows.ts";
import type { Row, Store } from "../../src/server/core/store/types.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A store for `testServer`, and its folder. */
export interface PreparedStore {
  store: Store;
  folder: string;
}

/** Opens a store with MCP servers in it, each as if it had listed its lists of tools one after the other. */
export async function storeWithServers(
  servers: Readonly<Record<string, readonly (readonly McpDefinition[])[]>>,
  more: Partial<Row> = {},
): Promise<PreparedStore> {
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  for (const [name, lists] of Object.entries(servers)) {
    const row: Row = {
      id: newId(mcpServer.idPrefix, Date.now()),
      kind: mcpServer.kind,
      scope: "",
      name,
      owner: null,
      visibility: "public",
      spec: { url: "https://mcp.example.com/" },
      status: {},
      version: 1,
      createdAt: 0,
      updatedAt: 0,
      ...more,
    };
    let status = statusOf(mcpServer, row);
    for (const tools of lists)
      status = {
        ...withLists(status, { tools: [...tools] }, false),
        state: "ready",
        listedAt: new Date(0).toISOString(),
      };
    await store.commit([{ op: "insert", row: { ...row, status }, refs: [] }]);
  }
  return { store, folder };
}

/** A tool as an MCP server lists it. */
export function toolNamed(name: string, description = `Does ${name}.`): McpDefinition {
  return { name, description, inputSchema: { type: "object" } };
}
