import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { type Store, StoreError } from "../../../src/server/core/store/types.ts";
import type { ServerOptions } from "../../../src/server/options.ts";
import { databaseWithTables } from "../../postgres.ts";
import {
  defineScripted,
  isAlive,
  type McpTestServer,
  mcpTestServer,
  until,
} from "../../support/mcp/runtime.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { endableLeases, longLeases, separateNode, startsIn } from "./nodes.ts";

const extra = [{ name: "wait_read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } }];

async function nodeHere(url: string, node: string, options: Partial<ServerOptions> = {}) {
  const store = options.store ?? (await openStore({ url, now: Date.now }));
  return await mcpTestServer({ node, leaseTimes: longLeases, ...options, store });
}

/** Returns when a node offers the tools of the scripted server. */
const offers = (node: McpTestServer) =>
  until(
    () => node.tools().catch(() => [] as string[]),
    (tools) => tools.includes("count"),
  );

const ended = (pid: number) =>
  until(
    async () => isAlive(pid),
    (alive) => !alive,
  );

it("an instance whose node was killed is taken over, and its calls fail as with a dead process (failure mode 170)", async () => {
  const url = await databaseWithTables();
  const folder = temporaryFolder();
  writeFileSync(join(folder, "files.journal.tools"), JSON.stringify(extra));
  const other = await separateNode(url, "other");
  const files = await defineScripted(other.admin, folder, { startSeconds: 60 });
  const leases = endableLeases();
  const here = await nodeHere(url, "here", { leaseTimes: leases.times });
  await offers(here);
  const lost = here.call("wait", { text: "once" });
  const repeated = here.call("wait_read", { text: "again" });
  await files.until("waiting 2");
  const [pid] = startsIn(files.journal());
  other.kill("SIGKILL");
  leases.endOthers();
  expect((await lost).error?.message).toContain("ended during the call, which may have been carried out");
  await files.until("start ", 2);
  expect(isAlive(pid!)).toBe(false);
  await files.until("waiting 1 again");
  files.mark("go");
  expect(await repeated).toEqual({ text: "again" });
  expect(files.journal().filter((line) => /^waiting \d once/.test(line))).toHaveLength(1);
  const rows = await until(here.instances, (some) => some.length === 1 && some[0].node === "here");
  expect(rows[0].name).toBe("files-1");
  expect(startsIn(files.journal())).toHaveLength(2);
});

it("a node that was killed and starts again has its instances back at once", async () => {
  const url = await databaseWithTables();
  const folder = temporaryFolder();
  const own = temporaryFolder();
  const first = await separateNode(url, "one", own);
  const files = await defineScripted(first.admin, folder, {});
  first.kill("SIGKILL");
  await first.exited;
  const again = await nodeHere(url, "one");
  await offers(again);
  expect(await again.call("count")).toEqual({ text: "1" });
  expect(startsIn(files.journal())).toHaveLength(2);
});

it("a node that stops in order leaves its instances to others at once, and waits for no link", async () => {
  const url = await databaseWithTables();
  const one = await nodeHere(url, "one");
  const files = await defineScripted(one.admin, temporaryFolder(), {});
  const other = await nodeHere(url, "other");
  await offers(other);
  const waiting = other.call("wait", { text: "last" });
  await files.until("waiting 1");
  const stopped = one.stop(60_000);
  // A call of another node is finished first.
  files.mark("go");
  expect(await waiting).toEqual({ text: "last" });
  await stopped;
  expect(files.alive()).toEqual([]);
  expect(await other.call("count")).toEqual({ text: "1" });
  const rows = await until(other.instances, (some) => some.length > 0);
  expect(rows.map(({ node }) => node)).toEqual(["other"]);
});

it("a node that cannot renew its lease ends its programs before another one starts them (failure mode 169)", async () => {
  const url = await databaseWithTables();
  const store = await openStore({ url, now: Date.now });
  let isCut = false;
  const unlessCut =
    <A extends unknown[], T>(work: (...args: A) => Promise<T>) =>
    (...args: A) =>
      isCut ? Promise.reject(new StoreError("unavailable")) : work(...args);
  const real = store.cluster!;
  const cluster: Store["cluster"] & object = {
    ...real,
    renew: unlessCut(real.renew),
    leave: unlessCut(real.leave),
    join: unlessCut(real.join),
    clusterState: unlessCut(real.clusterState),
    claimInstance: unlessCut(real.claimInstance),
  };
  let jump = 0;
  const [cutLeases, otherLeases] = [endableLeases(), endableLeases()];
  const cut = await nodeHere(url, "cut", {
    store: { ...store, cluster },
    now: () => Date.now() + jump,
    leaseTimes: cutLeases.times,
  });
  const files = await defineScripted(cut.admin, temporaryFolder(), { startSeconds: 5 });
  const other = await nodeHere(url, "other", { leaseTimes: otherLeases.times });
  await offers(other);
  // A jump of the clock of a node is nothing to a lease.
  jump = 3_600_000;
  expect(await other.call("count")).toEqual({ text: "1" });
  expect(await cut.call("count")).toEqual({ text: "2" });
  isCut = true;
  cutLeases.endOwn(true);
  otherLeases.endOthers();
  const [pid] = startsIn(files.journal());
  await ended(pid!);
  // It does not call what it does not hold any more.
  expect((await cut.call("count")).error?.message).toContain("does not answer");
  expect(startsIn(files.journal())).toHaveLength(1);
  await until(
    async () => (await other.call("count")).text,
    (text) => text === "1",
  );
  cutLeases.endOwn(false);
  isCut = false;
  await until(
    async () => (await cut.call("count")).text,
    (text) => text !== undefined && Number(text) > 1,
  );
  expect(startsIn(files.journal())).toHaveLength(2);
});

it("a node that slept longer than its lease gives up what others have taken over", async () => {
  const url = await databaseWithTables();
  const sleeper = await separateNode(url, "sleeper");
  const files = await defineScripted(sleeper.admin, temporaryFolder(), { startSeconds: 60 });
  const leases = endableLeases();
  const here = await nodeHere(url, "here", { leaseTimes: leases.times });
  await offers(here);
  expect(await here.call("count")).toEqual({ text: "1" });
  const [pid] = startsIn(files.journal());
  sleeper.kill("SIGSTOP");
  leases.endOthers();
  // The call may have reached it.
  expect((await here.call("count")).error?.message).toContain("ended during the call");
  expect(await here.call("count")).toEqual({ text: "1" });
  sleeper.kill("SIGCONT");
  await ended(pid!);
  expect(startsIn(files.journal())).toHaveLength(2);
  expect((await here.instances()).map(({ name, node }) => `${name} ${node}`)).toEqual(["files-1 here"]);
});
