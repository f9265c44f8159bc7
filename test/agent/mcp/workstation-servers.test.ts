import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { mcpAgent, mcpConfig } from "../../support/agent/mcp-agent.ts";
import { scriptedMcp } from "../../support/mcp/http-server.ts";
import { testProject } from "../../support/mcp/project.ts";
import { scriptedHttp, scriptedSse } from "../../support/mcp/scripted-http.ts";
import { passes } from "../../support/passes.ts";
import { must, type TestServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const program = join(import.meta.dirname, "../../support/mcp/scripted-stdio.ts");

const grants = [
  { role: "expose", resource: "llms" },
  { role: "expose", resource: "servers" },
  { role: "edit", resource: "projects" },
];

/** Waits until a function returns a value. */
async function until<T>(read: () => Promise<T>, value: T): Promise<void> {
  await passes(async () => expect(await read()).toEqual(value));
}

/** Starts a server with the project `p`, and the agent of alice, whose MCP server `desk` is attached to it. */
async function desk(more: Partial<Parameters<typeof mcpAgent>[0]> = {}) {
  const project = await testProject();
  const alice = await project.user("alice", grants);
  const as = project.as(alice.bearer);
  const agent = mcpAgent({ url: project.url, bearer: alice.bearer, servers: [mcpConfig("desk")], ...more });
  const status = async () => (await as("GET", "/api/v1/servers/desk")).body?.status;
  await until(status, "ready");
  const { body } = await as("GET", "/api/v1/projects/p");
  await must(as("PUT", "/api/v1/projects/p", { ...body, servers: ["desk"] }));
  return { ...project, alice, asAlice: as, ...agent, status };
}

/** Changes fields of the MCP server `desk`. */
async function changed(as: TestServer["admin"], fields: object) {
  const { body } = await as("GET", "/api/v1/servers/desk");
  return as("PUT", "/api/v1/servers/desk", { ...body, ...fields });
}

const textOf = ({ content }: { content: unknown }) => (content as { text: string }[])[0]!.text;

describe.each(["websocket", "sse"] as const)("an MCP server of a workstation over %s", (transport) => {
  it.each(["legacy", "modern"] as const)("is called by a %s client through the project", async (era) => {
    const { client } = await desk({ transport });
    const own = await client(era);
    const { tools } = await own.listTools();
    expect(tools.map(({ name }) => name)).toContain("echo");
    const result = await own.callTool({ name: "echo", arguments: { text: "hello from the desk" } });
    expect(textOf(result as never)).toBe("hello from the desk");
  });
});

describe("a call of an MCP server of a workstation", () => {
  /** The same with a scripted MCP server, which the agent reaches by URL. */
  async function scripted(script: Parameters<typeof scriptedMcp>[1]) {
    const mcp = scriptedMcp("legacy", {
      "tools/list": () => ({ tools: [{ name: "it", inputSchema: { type: "object" } }] }),
      ...script,
    });
    return {
      mcp,
      ...(await desk({ servers: [mcpConfig("desk", { source: { url: mcp.url, headers: {} } })] })),
    };
  }

  it("counts the programs that it has passed, on the way to a url (T372)", async () => {
    const { mcp, modern, bearer } = await scripted({
      "tools/call": () => ({ content: [{ type: "text", text: "done" }] }),
    });
    const call = (hops: string) =>
      modern("tools/call", { name: "it", arguments: {} }, { bearer, headers: { "x-mcpctl-hops": hops } });
    expect((await call("5")).body.result.isError).toBeFalsy();
    expect(mcp.of("tools/call").at(-1)!.headers.get("x-mcpctl-hops")).toBe("6");
    expect((await call("8")).body.error.data.code).toBe("loop_detected");
    expect(mcp.of("tools/call")).toHaveLength(1);
  });

  it("reaches the tool with progress on the way back, and is audited", async () => {
    const { client, audited } = await scripted({
      "tools/call": ({ notify, params }) => {
        notify("notifications/progress", { progressToken: params._meta.progressToken, progress: 1 });
        return { content: [{ type: "text", text: "done" }] };
      },
    });
    const steps: number[] = [];
    const own = await client("legacy");
    const onprogress = ({ progress }: { progress: number }) => void steps.push(progress);
    const result = await own.callTool({ name: "it", arguments: {} }, { onprogress });
    expect(textOf(result as never)).toBe("done");
    expect(await audited()).toMatchObject([{ status: 200 }]);
    // The SDK forgets progress that it reads together with the answer.
    await passes(async () => {
      await own.callTool({ name: "it", arguments: {} }, { onprogress });
      expect(steps).toContain(1);
    }, 10);
  });

  it("is cancelled at the tool when its client gives it up (failure mode 154)", async () => {
    const { mcp, client } = await scripted({ "tools/call": () => new Promise(() => {}) });
    const own = await client("legacy");
    const giveUp = new AbortController();
    const call = own.callTool({ name: "it", arguments: {} }, { signal: giveUp.signal });
    call.catch(() => {});
    await passes(() => expect(mcp.of("tools/call")).toHaveLength(1));
    giveUp.abort();
    await passes(() => expect(mcp.of("tools/call")[0]!.signal.aborted).toBe(true));
    await expect(call).rejects.toThrow();
  });

  it("lets the tool ask the client that called, and nobody else", async () => {
    const { client } = await scripted({
      "tools/call": async ({ ask }) => {
        const { action } = await ask("elicitation/create", {
          message: "sure?",
          requestedSchema: { type: "object", properties: {} },
        });
        return { content: [{ type: "text", text: action }] };
      },
    });
    const own = await client("legacy", {
      capabilities: { elicitation: { form: {} } },
      prepare: (one) => one.setRequestHandler("elicitation/create", async () => ({ action: "decline" })),
    });
    expect(textOf((await own.callTool({ name: "it", arguments: {} })) as never)).toBe("decline");
    const mute = await client("legacy");
    await expect(mute.callTool({ name: "it", arguments: {} })).rejects.toThrow();
  });

  it("follows a resource, at the MCP server once, until its client leaves it (failure mode 245)", async () => {
    const uri = "test://a";
    let isRefused = false;
    const { mcp, client, stop, mcpServers } = await scripted({
      "resources/list": () => ({ resources: [{ uri, name: "a" }] }),
      "resources/subscribe": () => {
        if (isRefused) throw { code: -32_002, message: "not that one" };
        return {};
      },
      "resources/unsubscribe": () => ({}),
    });
    const own = await client("legacy");
    const told: string[] = [];
    own.setNotificationHandler("notifications/resources/updated", ({ params }) => void told.push(params.uri));
    await own.subscribeResource({ uri });
    await passes(() => expect(mcp.hasStream()).toBe(true));
    mcp.broadcast("notifications/resources/updated", { uri: "test://b" });
    mcp.broadcast("notifications/resources/updated", { uri });
    await passes(() => expect(told).toEqual([uri]));
    expect(mcp.of("resources/subscribe")).toHaveLength(1);
    await own.unsubscribeResource({ uri });
    await passes(() => expect(mcp.of("resources/unsubscribe")).toHaveLength(1));
    await passes(() => expect(mcpServers.all[0]!.describe().inFlight).toBe(0));
    isRefused = true;
    await expect(own.subscribeResource({ uri })).rejects.toThrow(/not that one/);
    isRefused = false;
    await own.subscribeResource({ uri });
    await stop();
  });

  it("is made again in one new session with all others that find theirs lost (failure mode 289)", async () => {
    const far = scriptedHttp();
    const servers = [mcpConfig("desk", { source: { url: far.url, headers: {} } })];
    const own = await (await desk({ servers })).client("modern");
    const call = (more: object = {}) => own.callTool({ name: "where", arguments: { ...more } });
    const { promise, resolve } = Promise.withResolvers<void>();
    far.held = promise;
    const early = call({ waits: true });
    await passes(() => expect(far.seen).toContain("tools/call 1"));
    far.forget();
    const results = await Promise.all(Array.from({ length: 8 }, () => call()));
    const texts = new Set(results.map((one) => textOf(one as never)));
    expect(texts).toEqual(new Set(["session 2 where"]));
    resolve();
    expect(textOf((await early) as never)).toBe("session 1 where");
    const refusal = "Session not found: terminal 7";
    await expect(call({ refusal })).rejects.toThrow(refusal);
    expect(far.seen.filter((method) => method === "initialize")).toHaveLength(3);
  });

  it("gets the error of the tool as it is", async () => {
    const { client } = await scripted({
      "tools/call": () => {
        throw { code: -32_007, message: "no such file" };
      },
    });
    const own = await client("modern");
    await expect(own.callTool({ name: "it", arguments: {} })).rejects.toMatchObject({ code: -32_007 });
  });

  it("carries a request and a result of several megabytes over both transports", async () => {
    for (const transport of ["websocket", "sse"] as const) {
      const { client } = await desk({ transport });
      const own = await client("legacy");
      const text = "ä".repeat(1_500_000);
      const result = await own.callTool({ name: "echo", arguments: { text } });
      expect(textOf(result as never) === text).toBe(true);
    }
  });
});

describe("the lists of an MCP server of a workstation", () => {
  it.each(["legacy", "modern"] as const)(
    "are read again when a %s server says that they have changed, once for many such messages",
    async (era) => {
      let name = "first";
      let tell: (() => void) | undefined;
      const changed = "notifications/tools/list_changed";
      const mcp = scriptedMcp(
        era,
        {
          "tools/list": () => ({ tools: [{ name, inputSchema: { type: "object" } }] }),
          "subscriptions/listen": ({ notify }) => {
            tell = () => notify(changed, {});
            return new Promise(() => {});
          },
        },
        { capabilities: { tools: { listChanged: true } } as never },
      );
      const { client } = await desk({
        servers: [mcpConfig("desk", { source: { url: mcp.url, headers: {} } })],
      });
      const own = await client("legacy");
      const names = async () => (await own.listTools()).tools.map((tool) => tool.name);
      expect(await names()).toEqual(["first"]);
      if (era === "legacy") tell = () => mcp.broadcast(changed);
      await passes(() =>
        expect([tell, era === "modern" || mcp.hasStream()]).toEqual([expect.any(Function), true]),
      );
      name = "second";
      for (let n = 0; n < 50; n++) tell!();
      await passes(async () => expect(await names()).toEqual(["second"]));
      expect(mcp.of("tools/list").length).toBeLessThan(10);
    },
  );

  it("are read of one that knows only the oldest transport", async () => {
    const { url } = scriptedSse();
    const { client } = await desk({ servers: [mcpConfig("desk", { source: { url, headers: {} } })] });
    expect((await (await client("modern")).listTools()).tools.map(({ name }) => name)).toEqual(["old"]);
  });
});

describe("an MCP server of a workstation that ends at the question for the newest revision", () => {
  it("is started for older ones", async () => {
    const journal = join(temporaryFolder(), "journal");
    const argv = [process.execPath, program, journal, "dies-on-probe"];
    const { client } = await desk({ servers: [mcpConfig("desk", { source: { command: argv, args: [] } })] });
    expect(textOf((await (await client("legacy")).callTool({ name: "count", arguments: {} })) as never)).toBe(
      "1",
    );
    expect(readFileSync(journal, "utf8").match(/^start /gm)).toHaveLength(2);
  });
});

describe("the end of an MCP server of a workstation", () => {
  const pidOf = async (own: Client) =>
    Number(textOf((await own.callTool({ name: "pid", arguments: {} })) as never));
  /** Calls a tool that takes a minute. `begun` resolves when its program works on it. */
  const slowCall = (own: Client) => {
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const request = { name: "slow", arguments: { milliseconds: 60_000 } };
    const call = own.callTool(request, { onprogress: () => resolve() });
    call.catch(() => {});
    return { call, begun };
  };

  it("is one clear error for a call under way, and the next call starts it again (failure mode 155)", async () => {
    const { client } = await desk();
    const own = await client("legacy");
    const pid = await pidOf(own);
    // A call that its program has not read yet would be repeated.
    const { call, begun } = slowCall(own);
    await begun;
    process.kill(pid, "SIGKILL");
    await expect(call).rejects.toThrow(/ended during the call, which may have been carried out/);
    let next = 0;
    await passes(async () => (next = await pidOf(own)), 100);
    expect(next).not.toBe(pid);
  });

  it("hides its tools while the workstation is away, and a call fails at once (failure mode 156)", async () => {
    const { client, asAlice, stop, status } = await desk();
    const own = await client("legacy");
    const { call, begun } = slowCall(own);
    await begun;
    await stop();
    await expect(call).rejects.toThrow(/desk/);
    await until(status, "offline");
    const { body } = await asAlice("GET", "/api/v1/servers/desk");
    expect(body.conditions).toEqual([
      { type: "Offline", message: "the workstation that runs it is not connected" },
    ]);
    expect((await own.listTools()).tools).toEqual([]);
    const tools = (await asAlice("GET", "/api/v1/projects/p/tools")).body;
    expect(new Set(tools.map(({ reason }: { reason: string }) => reason))).toEqual(new Set(["failed"]));
    await expect(own.callTool({ name: "echo", arguments: { text: "x" } })).rejects.toThrow();
  });

  it("ends its process with the agent, and it comes back with the next agent as the same row", async () => {
    const { client, asAlice, stop, home, url, alice, status } = await desk();
    const pid = await pidOf(await client("legacy"));
    const { id } = (await asAlice("GET", "/api/v1/servers/desk")).body;
    await stop();
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    await until(status, "offline");
    mcpAgent({ url, bearer: alice.bearer, servers: [mcpConfig("desk")], home });
    await until(status, "ready");
    expect((await asAlice("GET", "/api/v1/servers/desk")).body.id).toBe(id);
    expect((await (await client("legacy")).listTools()).tools.length).toBeGreaterThan(0);
  });
});

describe("a published MCP server", () => {
  it("is private: nobody but its owner and administrators sees or attaches it, until that is allowed (T184)", async () => {
    const { user, asAlice, admin } = await desk();
    const bob = await user("bob", grants);
    const seen = async () => (await bob.call("GET", "/api/v1/servers/desk")).status;
    const attached = async () => {
      const { body } = await bob.call("GET", "/api/v1/projects/own");
      return (await bob.call("PUT", "/api/v1/projects/own", { ...body, servers: ["desk"] })).status;
    };
    await must(admin("POST", "/api/v1/projects", { name: "own" }));
    expect([await seen(), await attached()]).toEqual([404, 400]);
    const { body } = await bob.call("GET", "/api/v1/servers");
    expect(body).toEqual([]);
    await must(changed(admin, { visibility: "public" }));
    expect([await seen(), await attached()]).toEqual([200, 200]);
    expect((await asAlice("DELETE", "/api/v1/servers/desk")).status).toBe(409);
  });

  it("keeps its name from agents of other users", async () => {
    const { user, url, asAlice, status } = await desk();
    const bob = await user("bob", grants);
    const other = mcpAgent({ url, bearer: bob.bearer, servers: [mcpConfig("desk"), mcpConfig("mine")] });
    await passes(() => expect(other.logged.join("\n")).toMatch(/desk is not published: .*exists already/));
    await until(async () => (await bob.call("GET", "/api/v1/servers/mine")).body?.status, "ready");
    expect(await status()).toBe("ready");
    expect((await asAlice("GET", "/api/v1/servers/desk")).body.owner).toBe("alice");
  });

  it("needs the right to expose servers", async () => {
    const project = await testProject();
    const carol = await project.user("carol", [{ role: "expose", resource: "llms" }]);
    const { logged } = mcpAgent({ url: project.url, bearer: carol.bearer, servers: [mcpConfig("desk")] });
    await passes(() => expect(logged.join("\n")).toMatch(/publishing server "desk" needs expose/));
    expect((await project.admin("GET", "/api/v1/servers")).body).toEqual([]);
  });

  it("takes no program from its server (T180)", async () => {
    const { admin } = await desk();
    for (const fields of [
      { command: ["sh", "-c", "id"] },
      { package: "npm:left-pad@1.0.0" },
      { url: "http://127.0.0.1:1/mcp" },
      { env: [{ name: "A", value: "b" }] },
      { sandbox: "none" },
      { args: ["x"] },
      { replicas: 3 },
    ]) {
      const { status, text } = await changed(admin, fields);
      expect([status, text]).toEqual([400, expect.stringMatching(/is set by the workstation agent/)]);
    }
    expect((await changed(admin, { callSeconds: 5, tools: { deny: ["slow"] } })).status).toBe(200);
  });

  it("shows itself as one that a workstation runs", async () => {
    const { asAlice } = await desk();
    const { body } = await asAlice("GET", "/api/v1/servers/desk");
    expect(body).toMatchObject({
      origin: "virtual",
      source: "workstation",
      status: "ready",
      ready: 1,
      visibility: "private",
      owner: "alice",
    });
    expect(body).not.toHaveProperty("sandbox");
    expect(body.toolCount).toBeGreaterThan(2);
  });
});
