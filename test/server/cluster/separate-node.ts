/*
 * A server of mcpctl that a test kills: `bun separate-node.ts FOLDER DATABASE NAME`. It says `ready` when it listens.
 */
import { join } from "node:path";
import { createLog } from "../../../src/log.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { startServer } from "../../../src/server/start.ts";
import { testPrograms } from "../../support/mcp/runtime.ts";
import { shortLeases } from "./nodes.ts";

const [folder = "", url = "", node = ""] = process.argv.slice(2);
await startServer({
  store: await openStore({ url, now: Date.now }),
  listen: { hostname: "127.0.0.1", port: 0 },
  socketPath: join(folder, "s.sock"),
  publicUrls: [],
  metricsPublic: false,
  programs: testPrograms(folder),
  node,
  leaseTimes: shortLeases,
  log: createLog(process.stderr),
});
process.stdout.write("ready\n");
