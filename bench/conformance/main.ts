/**
 * Runs the official MCP conformance suite against the compiled server, in both eras and on all sides, and prints what
 * passes as Markdown. It ends with 1 when that is not what the baseline says. The suite comes from npm, into a folder
 * outside of the repository.
 */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { install } from "../clients/install.ts";
import { create, createToken, Installation, mcpctlCommand, untilListed } from "../mcpctl.ts";
import { freePort, Processes } from "../processes.ts";
import { baseline } from "./baseline.ts";
import { startBearerProxy } from "./bearer-proxy.ts";
import { agreeingUser, registerClient } from "./consent.ts";
import { judge, markdown } from "./report.ts";
import { legs, type Revision, revisions, runSuite, suitePackage } from "./suite.ts";

const usage = `bun run conformance [--era REVISION] [--leg LEG] [--proxy-model NAME] [--keep]

  --era REVISION   ${revisions.join(" or ")}; both if left out
  --leg LEG        ${legs.join(", ")}; all if left out
  --proxy-model NAME   the proxy model of the project; none if left out
  --keep           do not delete what the suite wrote
  --folder FOLDER  install the suite there (default ${join(tmpdir(), "mcpctl-conformance")})
  --binary FILE    another build than dist/mcpctl`;

const { values: options } = parseArgs({
  options: {
    era: { type: "string" },
    leg: { type: "string" },
    "proxy-model": { type: "string", default: "none" },
    keep: { type: "boolean", default: false },
    folder: { type: "string", default: join(tmpdir(), "mcpctl-conformance") },
    binary: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const eras = revisions.filter((one) => one === (options.era ?? one));
const sides = legs.filter((one) => one === (options.leg ?? one));
if (options.help || eras.length === 0 || sides.length === 0) {
  console.log(usage);
  process.exit(options.help ? 0 : 2);
}

mkdirSync(options.folder, { recursive: true });
const bin = await install(options.folder, { npm: [suitePackage] });
const processes = new Processes(options.keep);
const server = await new Installation(processes, mcpctlCommand(options.binary)).start();
const address = `http://127.0.0.1:${server.port}`;
const bearer = await createToken(server, "conformance", [{ role: "run", resource: "projects" }]);

const agree = await agreeingUser(server);
const clientTarget = ["--command", `${process.execPath} ${join(import.meta.dirname, "client.ts")}`] as const;
let isMade = false;
const outcomes = [];
for (const revision of eras)
  for (const leg of sides) {
    console.error(`${revision}, ${leg} leg …`);
    const target =
      leg === "client"
        ? clientTarget
        : leg === "server"
          ? await serverTarget(revision)
          : await authorizationTarget();
    const folder = processes.folder(`${leg}-${revision}`);
    const env = {
      CONFORMANCE_SOCKET: server.socket,
      CONFORMANCE_URL: address,
      CONFORMANCE_BEARER: bearer,
      CONFORMANCE_COMMAND: mcpctlCommand(options.binary).join(" "),
    };
    const open = leg === "authorization" ? { open: agree } : {};
    const results = await runSuite({ bin, revision, leg, target, folder, env, ...open });
    outcomes.push(judge(revision, leg, results, baseline));
  }
console.log(markdown(outcomes));
process.exit(outcomes.every(({ isExpected }) => isExpected) ? 0 : 1);

/** Makes a project with the fixture behind it, in the same era as its clients. Returns where the suite finds it. */
async function serverTarget(revision: Revision): Promise<readonly [string, string]> {
  const name = `everything-${revision}`;
  const program = join(import.meta.dirname, "everything.ts");
  const command = [process.execPath, program, revision === "2026-07-28" ? "modern" : "legacy"];
  // Over stdio a log message does not say whose call it belongs to, so only a session of its own gets it.
  await create(server, "servers", { name, command, sandbox: "none", sharing: "session" });
  await create(server, "projects", { name, proxyModel: options["proxy-model"], servers: [name] });
  await untilListed(server, name);
  return ["--url", startBearerProxy(`${address}/projects/${name}/mcp`, bearer)];
}

/** Makes a project, and a client that waits for the browser at a port. Returns what the suite needs to ask for access. */
async function authorizationTarget(): Promise<readonly string[]> {
  const name = "guarded";
  if (!isMade) await create(server, "projects", { name });
  isMade = true;
  const port = freePort();
  const client = await registerClient(server, `http://127.0.0.1:${port}/callback`);
  const resource = `${address}/projects/${name}/mcp`;
  return ["--url", address, "--client-id", client, "--resource", resource, "--port", String(port)];
}
