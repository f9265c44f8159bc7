/*
 * A server of mcpctl that a test kills: `bun separate-node.ts FOLDER DATABASE NAME LEASES`. It says `ready`
 * and its URL when it listens.
 */
import { join } from "node:path";
import { createLog } from "../../../src/log.ts";
import { launchHost } from "../../../src/processes/launch/prepare.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { startServer } from "../../../src/server/start.ts";

const [folder = "", url = "", node = "", leases = ""] = process.argv.slice(2);
const { url: own } = await startServer({
  store: await openStore({ url, now: Date.now }),
  listen: { hostname: "127.0.0.1", port: 0 },
  socketPath: join(folder, "s.sock"),
  publicUrls: [],
  metricsPublic: false,
  programs: { folder: join(folder, "mcp"), host: launchHost(process.env), kept: [], grace: 300 },
  node,
  leaseTimes: JSON.parse(leases),
  log: createLog(process.stderr),
});
process.stdout.write(`ready ${own}\n`);
