import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../support/agent/fake-clock.ts";
import { isAlive, mcpTestServer, until } from "../../../support/mcp/runtime.ts";

describe("a call whose MCP server dies", () => {
  it("fails with one clear error when it may have had an effect, and the next call starts the server", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files");
    const { error } = await mcp.call("crash");
    expect(error?.message).toMatch(
      /^MCP server files ended during the call.*may have been carried out.*; the program ended with code 9; .*so to speak/,
    );
    expect(files.count("crashing")).toBe(1);
    expect(await mcp.call("count")).toEqual({ text: "1" });
    expect(files.count("start ")).toBe(2);
    const [instance] = await until(mcp.instances, ([one]) => one?.status === "idle");
    expect(instance).toMatchObject({ restarts: 1, error: null });
  });

  it("is repeated once when it only reads", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files");
    expect(await mcp.call("crash_once")).toEqual({ text: "survived" });
    expect(files.count("crash_once")).toBe(2);
    expect((await mcp.call("crash_always")).error?.message).toMatch(/ended during the call/);
    expect(files.count("crash_always")).toBe(2);
  });

  it("does not disturb calls of other MCP servers", async () => {
    const mcp = await mcpTestServer();
    const bad = await mcp.define("bad");
    const good = await mcp.define("good");
    const slow = mcp.call("good_wait", { text: "x" });
    await good.until("waiting");
    await mcp.call("crash");
    good.mark("go");
    expect(await slow).toEqual({ text: "x" });
    expect(bad.count("crashing")).toBe(1);
    expect(good.count("start ")).toBe(1);
  });

  it("waits for the restart of a process that died while it was idle", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files");
    await mcp.call("count");
    process.kill(files.alive()[0]!, "SIGKILL");
    await until(mcp.instances, ([one]) => one?.restarts === 1);
    expect(await mcp.call("count")).toEqual({ text: "1" });
    expect(files.count("start ")).toBe(2);
  });

  it("is over at once when the program closes its output but goes on", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files");
    expect((await mcp.call("close")).error?.message).toMatch(/ended during the call/);
    expect(await mcp.call("count")).toEqual({ text: "1" });
    await until(
      async () => files.alive(),
      (alive) => alive.length === 1,
    );
  });
});

describe("an MCP server that does not start", () => {
  it("is in backoff also when its last words cannot be stored as they are (failure mode 291)", async () => {
    const mcp = await mcpTestServer({ time: new FakeClock() });
    await mcp.define("files", { modes: ["crash-oddly"], isBroken: true });
    const { conditions } = await until(
      () => mcp.row("files"),
      ({ status }) => status === "backoff",
    );
    expect(conditions[0].message).toContain("and a NUL \uFFFD is none");
  });

  it("is in backoff with its last words, and its calls fail fast with them", async () => {
    const clock = new FakeClock();
    const mcp = await mcpTestServer({ time: clock });
    const files = await mcp.define("files", { modes: ["crash"], isBroken: true });
    const row = await until(
      () => mcp.row("files"),
      ({ status }) => status === "backoff",
    );
    expect(row.conditions).toEqual([
      { type: "StartFailed", message: expect.stringContaining("cannot open the socket: address in use") },
    ]);
    const [instance] = await until(mcp.instances, ([one]) => one?.status === "backoff");
    expect(instance).toMatchObject({ status: "backoff", error: expect.stringContaining("address in use") });
    // Full jitter with a chance of a half: 0.5 s, 1 s, 2 s …
    const starts = async (count: number) => {
      await files.until("start ", count);
      await until(mcp.instances, ([one]) => one?.status === "backoff");
    };
    await clock.advance(499);
    expect(files.count("start ")).toBe(1);
    await clock.advance(1);
    await starts(2);
    await clock.advance(999);
    expect(files.count("start ")).toBe(2);
    await clock.advance(1);
    await starts(3);
  });

  it("names the program that the host lacks, hides its tools and shows no other failure", async () => {
    const mcp = await mcpTestServer();
    await mcp.attach("gone", { command: ["no-such-program-here"], sandbox: "none" });
    const row = await until(
      () => mcp.row("gone"),
      ({ status }) => status === "failed",
    );
    expect(row.conditions).toEqual([
      { type: "CannotStart", message: expect.stringContaining("no-such-program-here is not on this host") },
    ]);
    expect(await mcp.tools()).toEqual([]);
  });

  it("gives up after startSeconds when it never answers, and ends the process", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", { modes: ["mute"], startSeconds: 1, isBroken: true });
    const row = await until(
      () => mcp.row("files"),
      ({ status }) => status === "backoff",
    );
    expect(row.conditions[0].message).toContain("it did not start within startSeconds (1 s)");
    await until(
      async () => files.alive(),
      (alive) => alive.length <= 1,
    );
  });

  it("is started for older revisions when it ends at the question for the newest one", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", { modes: ["dies-on-probe"] });
    expect(files.count("probe")).toBe(1);
    expect(await mcp.call("count")).toEqual({ text: "1" });
    expect(files.count("start ")).toBe(2);
  });
});

describe("an MCP server that hangs", () => {
  it("is replaced after failed health checks, and its tools stay listed", async () => {
    const clock = new FakeClock();
    const mcp = await mcpTestServer({ time: clock });
    const check = { intervalSeconds: 5, timeoutSeconds: 1, failureThreshold: 2 };
    const files = await mcp.define("files", { healthCheck: check });
    const [first] = files.alive();
    files.mark("deaf");
    await clock.until(() => files.count("list") >= 2, 1000);
    files.unmark("deaf");
    await clock.until(() => files.count("start ") === 2, 1000);
    expect(isAlive(first!)).toBe(false);
    expect(await mcp.tools()).toContain("count");
    expect(await mcp.call("count")).toEqual({ text: "1" });
  });

  it("ends a call after callSeconds, tells the server, and checks it at once", async () => {
    const clock = new FakeClock();
    const mcp = await mcpTestServer({ time: clock });
    const files = await mcp.define("files", { callSeconds: 1 });
    const { error } = await mcp.call("wait", { text: "late" });
    expect(error?.message).toContain("did not answer within callSeconds (1 s)");
    await files.until("cancelled late");
    const before = files.count("list");
    await clock.until(() => files.count("list") > before, 1000);
    expect(await mcp.call("count")).toEqual({ text: "1" });
    expect(files.count("start ")).toBe(1);
  });

  it("ends a call after callSeconds also when it does not read what it is sent (failure mode 161)", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", { callSeconds: 1 });
    process.kill(files.alive()[0]!, "SIGSTOP");
    // More than fits into the pipe to it.
    const { error } = await mcp.call("echo", { text: "x".repeat(1_000_000) });
    expect(error?.message).toContain("did not answer within callSeconds (1 s)");
  });

  it("lets a call wait for its turn no longer than callSeconds, and never gets it then (failure mode 163)", async () => {
    const clock = new FakeClock();
    const mcp = await mcpTestServer({ time: clock });
    const files = await mcp.define("files");
    const busy = Array.from({ length: 16 }, () => mcp.call("wait", { text: "busy" }));
    await files.until("waiting 16");
    const waiting = mcp.call("wait", { text: "too many" });
    let isOver = false;
    void waiting.then(() => {
      isOver = true;
    });
    await clock.until(() => clock.waits.some((wait) => wait > 50_000));
    await clock.advance(50_000);
    expect(isOver).toBe(false);
    await clock.advance(10_000);
    expect((await waiting).error?.message).toMatch(
      /files was busy with other calls for callSeconds \(60 s\)/,
    );
    files.mark("go");
    expect((await Promise.all(busy)).map(({ text }) => text)).toEqual(busy.map(() => "busy"));
    expect(files.journal().filter((line) => line.includes("too many"))).toEqual([]);
  });

  it("may take longer than callSeconds while it reports progress", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { callSeconds: 3 });
    const meta = { progressToken: "mine" };
    expect(await mcp.call("progress", { steps: 4, ms: 1000 }, { meta })).toEqual({ text: "done" });
    expect((await mcp.call("progress", { steps: 4, ms: 1000 })).error?.message).toContain("callSeconds");
  });
});

describe("an MCP server that writes what is no message", () => {
  it("is served all the same, however much it writes to stderr", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { modes: ["chatty"] });
    expect(await mcp.call("flood", { lines: 20_000 })).toEqual({ text: "flooded" });
    expect(await mcp.call("echo", { text: "still here" })).toEqual({ text: "still here" });
  });
});

it("an MCP server goes on when a tool of it refuses a call in the words of a lost session (failure mode 290)", async () => {
  const mcp = await mcpTestServer();
  const files = await mcp.define("files");
  await mcp.call("count");
  const refusal = "Session not found: terminal 7";
  expect(await mcp.call("echo", { refusal })).toEqual({ error: { code: -32_000, message: refusal } });
  expect(await mcp.call("count")).toEqual({ text: "2" });
  expect(files.count("start ")).toBe(1);
});
