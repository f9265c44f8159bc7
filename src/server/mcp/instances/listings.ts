import { mcpServer } from "../../../kinds/mcp-server.ts";
import type { ServerListing } from "../../../mcp/upstream/listing.ts";
import type { Upstream } from "../../../mcp/upstream/upstream.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { withLists } from "../../core/catalogue/mcp-pins.ts";
import { isOf } from "../../core/store/typed-rows.ts";
import { StoreError } from "../../core/store/types.ts";

/** Keeps what a server listed with its row, so that projects can offer it while the server is stopped. */
export async function storeListing(
  catalogue: Catalogue,
  serverId: string,
  { listing, upstream, now }: { listing: ServerListing; upstream: Upstream; now: number },
): Promise<void> {
  for (;;) {
    const { snapshot } = catalogue;
    const before = snapshot.byId.get(serverId);
    if (!isOf(mcpServer, before)) return;
    const { revision, instructions } = upstream.facts;
    const lists = { ...listing, ...(instructions !== undefined && { instructions }) };
    const status = {
      ...withLists(before.status, lists, before.spec.toolChanges === "allow"),
      state: "ready",
      protocol: revision,
      listedAt: new Date(now).toISOString(),
    };
    const row = { ...before, status, version: before.version + 1, updatedAt: now };
    try {
      return await catalogue.commit([{ op: "update", row, refs: snapshot.refsOf(serverId) }]);
    } catch (error) {
      // Somebody else wrote the row meanwhile.
      if (!(error instanceof StoreError) || error.refusal !== "stale") throw error;
      await catalogue.refresh();
    }
  }
}
