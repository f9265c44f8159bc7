import { join } from "node:path";
import { createLog } from "../../src/log.ts";
import { openStore } from "../../src/server/core/store/index.ts";
import { startServer } from "../../src/server/start.ts";

/**
 * A server that kills itself with SIGKILL right before or right after its n-th commit that has to do with where
 * secrets are: `bun killed-server.ts FOLDER before|after N`. Without N it lives on, and says how many there were.
 */
const [folder, when, n] = process.argv.slice(2) as [string, string?, string?];
const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
let count = 0;
const die = () => process.kill(process.pid, "SIGKILL");

const running = await startServer({
  store: {
    ...store,
    async commit(writes) {
      const counts = writes.some(({ op }) => /SecretData$|Orphan$/.test(op));
      if (counts && ++count === Number(n) && when === "before") die();
      const revision = await store.commit(writes);
      if (counts && count === Number(n) && when === "after") die();
      return revision;
    },
  },
  listen: { hostname: "127.0.0.1", port: 0 },
  socketPath: join(folder, "s.sock"),
  publicUrls: [],
  metricsPublic: false,
  keyFile: { path: join(folder, "master-key"), fromSystemd: false },
  log: createLog(process.stderr),
});
process.stdout.write("ready\n");
process.once("SIGTERM", async () => {
  await running.stop(0);
  process.stdout.write(`commits: ${count}\n`);
});
