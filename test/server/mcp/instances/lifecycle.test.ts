import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../support/agent/fake-clock.ts";
import { mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { must } from "../../../support/server.ts";
import { watchKind } from "../../../support/watch.ts";

describe("the instance of an MCP server over stdio", () => {
  it("starts when the server is attached, is listed, and serves all callers on one process", async () => {
    const mcp = await mcpTestServer();
    const { call: alice } = await mcp.user("alice", [{ role: "run", resource: "projects" }]);
    const files = await mcp.define("files");
    expect(await mcp.call("count")).toEqual({ text: "1" });
    expect(await mcp.call("count", {}, { as: alice })).toEqual({ text: "2" });
    expect(files.count("start ")).toBe(1);
    // The rows of instances are written a moment later.
    const [instance] = await until(mcp.instances, ([one]) => one?.status === "idle");
    expect(instance).toMatchObject({
      name: "files-1",
      server: "files",
      status: "idle",
      sandbox: "none",
      restarts: 0,
      protocol: "2025-11-25",
    });
    expect(instance.pid).toBe(files.alive()[0]);
    expect(await mcp.row("files")).toMatchObject({
      status: "ready",
      ready: 1,
      toolCount: 13,
      isolation: "none",
    });
    await mcp.stop();
    expect(files.alive()).toEqual([]);
  });

  it("tells those who watch MCP servers that its server is ready, and nobody else (failure mode 166)", async () => {
    const mcp = await mcpTestServer();
    const { bearer } = await mcp.token("viewer", [{ role: "view", resource: "*" }]);
    await must(mcp.admin("POST", "/api/v1/servers", { name: "another", command: ["/bin/false"] }));
    const rights = [{ role: "view", resource: "servers", name: "another" }];
    const { bearer: other } = await mcp.token("other", rights);
    const [watch, blind, projects] = await Promise.all([
      watchKind(mcp, bearer, "servers"),
      watchKind(mcp, other, "servers"),
      watchKind(mcp, bearer, "projects"),
    ]);
    await mcp.define("files");
    const seen: string[] = [];
    for (let event = await watch.next(); event?.data.status !== "ready"; event = await watch.next())
      if (event!.data.name === "files") seen.push(`${event!.type} ${event!.data.name}`);
    expect(seen[0]).toBe("added files");
    expect(new Set(seen.slice(1))).toEqual(new Set(["modified files"]));
    await must(mcp.admin("PUT", "/api/v1/servers/another", { description: "x" }));
    expect(await blind.next()).toMatchObject({ type: "added", data: { name: "another" } });
    expect(await blind.next()).toMatchObject({ type: "synced" });
    expect(await blind.next()).toMatchObject({ type: "modified", data: { name: "another" } });
    await must(mcp.admin("POST", "/api/v1/projects", { name: "last" }));
    const names = new Set<string>();
    for (let event = await projects.next(); event?.data.name !== "last"; event = await projects.next())
      names.add(String(event!.data.name));
    expect(names.has("files")).toBe(false);
    await Promise.all([watch.leave(), blind.leave(), projects.leave()]);
  });

  it("is not started by a server that nobody has attached, nor by one that is listed already", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files");
    await must(
      mcp.admin("POST", "/api/v1/servers", { name: "alone", command: ["/bin/false"], sandbox: "none" }),
    );
    const { folder } = mcp;
    await mcp.stop();
    const again = await mcpTestServer({ folder });
    await must(again.admin("PUT", "/api/v1/servers/alone", { command: ["/bin/false"], description: "x" }));
    expect(await again.tools()).toContain("echo");
    expect(await again.instances()).toEqual([]);
    expect(await again.row("files")).toMatchObject({ status: "stopped", ready: 0, toolCount: 13 });
    expect(files.count("start ")).toBe(1);
    expect(await again.call("count")).toEqual({ text: "1" });
    expect(files.count("start ")).toBe(2);
  });

  it("stops when it is idle, keeps its tools listed, and starts again for the next call", async () => {
    const clock = new FakeClock();
    const mcp = await mcpTestServer({ time: clock });
    const files = await mcp.define("files", { idleMinutes: 2 });
    await clock.advance(100_000);
    expect(await mcp.call("count")).toEqual({ text: "1" });
    await clock.advance(100_000);
    expect(files.alive()).toHaveLength(1);
    await clock.advance(30_000);
    await until(
      async () => files.alive(),
      (alive) => alive.length === 0,
    );
    const [stopped] = await until(mcp.instances, ([one]) => one?.status === "stopped");
    expect(stopped).toMatchObject({ name: "files-1", restarts: 0, error: null });
    expect(await mcp.row("files")).toMatchObject({
      status: "stopped",
      toolCount: 13,
      conditions: expect.anything(),
    });
    expect(await mcp.tools()).toContain("count");
    expect(await mcp.call("count")).toEqual({ text: "1" });
    expect(files.count("start ")).toBe(2);
  });

  it("is replaced when a field that matters changes, and stays when another one does", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", { env: [{ name: "PLACE", value: "here" }] });
    expect(await mcp.call("env", { name: "PLACE" })).toEqual({ text: "here" });
    const change = async (fields: object) => {
      const { body } = await must(mcp.admin("GET", "/api/v1/servers/files"));
      await must(mcp.admin("PUT", "/api/v1/servers/files", { ...body, ...fields }));
    };
    await change({ description: "other words", tools: { deny: ["hang"] }, callSeconds: 30, idleMinutes: 3 });
    expect(await mcp.call("count")).toEqual({ text: "1" });
    expect(files.count("start ")).toBe(1);
    await change({ env: [{ name: "PLACE", value: "there" }] });
    expect(await mcp.call("env", { name: "PLACE" })).toEqual({ text: "there" });
    expect(files.count("start ")).toBe(2);
    await until(
      async () => files.alive(),
      (alive) => alive.length === 1,
    );
  });

  it("lets a call under way finish on the old process when the server is changed", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files");
    const slow = mcp.call("wait", { text: "old" });
    await files.until("waiting 1 old");
    const { body } = await must(mcp.admin("GET", "/api/v1/servers/files"));
    await must(mcp.admin("PUT", "/api/v1/servers/files", { ...body, env: [{ name: "A", value: "b" }] }));
    expect(await mcp.call("env", { name: "A" })).toEqual({ text: "b" });
    files.mark("go");
    expect(await slow).toEqual({ text: "old" });
    await until(
      async () => files.alive(),
      (alive) => alive.length === 1,
    );
  });

  it("has as many processes as there are replicas, of which busy ones are spared", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", { replicas: 2 });
    await mcp.call("count");
    await until(
      () => mcp.row("files"),
      ({ ready }) => ready === 2,
    );
    const slow = [mcp.call("wait", { text: "a" }), mcp.call("wait", { text: "b" })];
    await files.until("waiting 1", 2);
    files.mark("go");
    await Promise.all(slow);
    const { body } = await must(mcp.admin("GET", "/api/v1/servers/files"));
    await must(mcp.admin("PUT", "/api/v1/servers/files", { ...body, replicas: 0 }));
    await until(
      async () => files.alive(),
      (alive) => alive.length === 0,
    );
    await until(mcp.instances, (all) => all.length === 0);
    expect((await mcp.call("count")).error?.message).toContain("its replicas are 0");
  });

  it("is deleted while its start waits for others: a call that waits gets its answer from the next start (failure mode 225)", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("late");
    const spec = { modes: ["mute"], isBroken: true, startSeconds: 60 };
    // Four programs start at a time.
    for (const i of [1, 2, 3, 4]) await (await mcp.define(`mute-${i}`, spec)).until("start ");
    const starting = () =>
      until(mcp.instances, (all) => all.some((one) => one.name === "late-1" && one.status === "starting"));
    await must(mcp.admin("DELETE", "/api/v1/instances/late-1"));
    await starting();
    const waiting = mcp.call("count");
    await Bun.sleep(50);
    await must(mcp.admin("DELETE", "/api/v1/instances/late-1"));
    for (const i of [1, 2, 3, 4]) {
      const row = await mcp.row(`mute-${i}`);
      await must(mcp.admin("PUT", `/api/v1/servers/mute-${i}`, { ...row, replicas: 0 }));
    }
    expect(await waiting).toEqual({ text: "1" });
  });

  it("is ended with its server, and started again when somebody deletes it", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files");
    await mcp.call("count");
    const [before] = await until(mcp.instances, ([one]) => one?.status === "idle");
    await must(mcp.admin("DELETE", "/api/v1/instances/files-1"));
    await files.until("start ", 2);
    const [after] = await until(mcp.instances, ([one]) => one?.status === "idle");
    expect(after).toMatchObject({ name: "files-1", restarts: 1 });
    expect(after.id).not.toBe(before.id);
    expect(isGone(before.pid)).toBe(true);
    await must(mcp.admin("PUT", "/api/v1/projects/p", { servers: [] }));
    await must(mcp.admin("DELETE", "/api/v1/servers/files"));
    await until(
      async () => files.alive(),
      (alive) => alive.length === 0,
    );
    await until(mcp.instances, (all) => all.length === 0);
  });
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
