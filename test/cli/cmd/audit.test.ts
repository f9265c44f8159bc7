import { describe, expect, it } from "vitest";
import { ApiClient } from "../../../src/cli/client/client.ts";
import { followAudit } from "../../../src/cli/cmd/audit/follow.ts";
import { failure, fakeApi, llms } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { must, testServer } from "../../support/server.ts";

const call = {
  at: "2026-11-21T11:00:00.250Z",
  action: "llm_inference_call",
  requestId: "req_2",
  userId: "usr_1",
  tokenId: "tok_1",
  status: 200,
  llm: "fast",
  poolMember: "gpt",
  model: "gpt-5.6-luna",
  type: "openai",
  dialect: "chat",
  streaming: true,
  durationMs: 3210,
  ttftMs: 85,
  promptTokens: 12,
  completionTokens: 340,
  cachedTokens: 0,
  user: "alice",
  token: "laptop",
};
const failed = {
  at: "2026-11-21T10:59:00.000Z",
  action: "update",
  requestId: "req_1",
  userId: "usr_gone",
  tokenId: null,
  status: 503,
  error: "unavailable",
  detail: { kind: "llm", name: "g\u001b[31mpt", id: "llm_1", fields: ["url"] },
  user: null,
};
/** Events as the server returns them, the newest first. */
const events = [call, failed];

const list = () => fakeApi({ "GET /api/v1/audit": events });

function frames(...some: (readonly [id: number, data: object])[]): string {
  return some.map(([id, data]) => `event: audit\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`).join("");
}

describe("audit", () => {
  it("warns of filters that name nothing there is, where nothing was found", async () => {
    const server = fakeApi({
      "GET /api/v1/audit": [],
      "GET /api/v1/llms": [{ ...llms[0]!, name: "gpt", poolName: "fast", aliases: ["gpt-4.1"] }],
    });
    const warned = await cli("audit --llm gtp --action login_fail --user alice", { server });
    // Users are not shown to this caller: nothing is said of them.
    expect([warned.code, warned.stdout, warned.stderr]).toEqual([
      0,
      "",
      `No events found.
warning: no event that this program knows has the action "login_fail"; did you mean "login_failed"?
warning: there is no llm or pool now with the name "gtp"; did you mean "gpt"?
`,
    ]);
    for (const known of ["--llm fast", "--llm gpt-4.1", "--action login"])
      expect((await cli(`audit ${known}`, { server })).stderr).toBe("No events found.\n");
  });

  it.each([
    [{ project: "shop", server: "files", tool: "read_text_file" }, "files/read_text_file"],
    [{ project: "shop", tool: "begin_session" }, "shop/begin_session"],
    [{ project: "shop", server: "files", uri: "file:///a" }, "files/file:///a"],
  ])("names what was called of an MCP server: %j", async (detail, target) => {
    const { llm: _, poolMember: __, ...event } = call;
    const events = [{ ...event, action: "mcp_call", detail }];
    const { stdout } = await cli("audit", { server: fakeApi({ "GET /api/v1/audit": events }) });
    expect(stdout).toContain(`   mcp_call   ${target}   `);
  });

  it("names who acted as the user of an event", async () => {
    const events = [{ ...call, detail: { impersonatedBy: "admin" } }];
    const { stdout } = await cli("audit", { server: fakeApi({ "GET /api/v1/audit": events }) });
    expect(stdout).toContain("   alice (by admin)   laptop   ");
  });

  it("shows users and tokens that are deleted under their names", async () => {
    const at = "2026-11-21T12:00:00.000Z";
    const events = [{ ...call, userDeletedAt: at, tokenDeletedAt: at }];
    const { stdout } = await cli("audit", { server: fakeApi({ "GET /api/v1/audit": events }) });
    expect(stdout).toContain("   alice (deleted)   laptop (deleted)   ");
  });

  it("prints a table with the newest event last and control characters escaped (T42)", async () => {
    const { code, stdout, stderr } = await cli("audit", { server: list() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      `TIME                   USER       TOKEN    ACTION               TARGET          STATUS   DURATION   TOKENS   ERROR
2026-11-21T10:59:00Z   usr_gone   -        update               llm/g\\e[31mpt   503      -          -        unavailable
2026-11-21T11:00:00Z   alice      laptop   llm_inference_call   fast/gpt        200      3.2s       12+340   -
`,
    );
  });

  it("prints more columns with -o wide, and no header with --no-headers", async () => {
    const { stdout } = await cli("audit -o wide", { server: list() });
    const [header, , line] = stdout.split("\n");
    expect(header).toMatch(/ ERROR +MODEL +DIALECT +STREAM +FIRST-TOKEN +CACHED +UNITS +COST +REQUEST-ID$/);
    expect(line).toMatch(/ gpt-5\.6-luna +chat +yes +85ms +- +- +unpriced +req_2$/);
    expect((await cli("audit --no-headers", { server: list() })).stdout).toMatch(/^2026-11-21T10:59:00Z /);
  });

  it("prints events as JSON or YAML in the order of the table", async () => {
    const { stdout } = await cli("audit -o json", { server: list() });
    expect(JSON.parse(stdout)).toEqual([failed, call]);
    const yaml = (await cli("audit -o yaml", { server: list() })).stdout;
    expect(yaml).toMatch(/^- at: "2026-11-21T10:59:00\.000Z"\n/);
    expect(yaml).not.toContain("\u001b");
    for (const output of ["name", "jsonpath={.at}"]) {
      const { code, stderr } = await cli(["audit", "-o", output], { server: list() });
      expect([code, stderr]).toEqual([2, expect.stringContaining("hint: formats: wide, json, yaml")]);
    }
  });

  it("sends its flags as query parameters, with relative times as dates", async () => {
    const server = fakeApi({ "GET /api/v1/audit": [] });
    const { code, stdout, stderr } = await cli(
      "audit --since 2h --until 2026-11-21T11:30:00+01:00 --llm gpt --user alice --action login --status 5xx --limit 5",
      { server, now: "2026-11-21T12:00:00Z" },
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "No events found.\n" });
    const [request = ""] = server.requests;
    expect(Object.fromEntries(new URLSearchParams(request.slice(request.indexOf("?"))))).toEqual({
      since: "2026-11-21T10:00:00.000Z",
      until: "2026-11-21T10:30:00.000Z",
      llm: "gpt",
      user: "alice",
      action: "login",
      status: "5xx",
      limit: "5",
    });
    expect((await cli("audit -o json", { server })).stdout).toBe("[]\n");
  });

  it.each([
    "--since yesterday",
    "--since 2026-02-30",
    "--since 1",
    "--until 5w",
    "--status 5x",
    "--status 6xx",
    "--since 1h --until 2h",
    "--limit 0",
    "--limit 1001",
    "--limit x",
    "-w --until 1h",
  ])("refuses %s before any request", async (flags) => {
    const server = list();
    const { code, stdout } = await cli(`audit ${flags}`, { server });
    expect([code, stdout, server.requests]).toEqual([2, "", []]);
  });

  it("prints the server's refusal and exits with 4", async () => {
    const server = fakeApi({
      "GET /api/v1/audit": failure(403, "forbidden", "you may not view audit"),
    });
    const { code, stderr } = await cli("audit", { server });
    expect([code, stderr]).toEqual([4, "error: you may not view audit\n"]);
  });
});

describe("audit -w", () => {
  /** Each connection gets the next body. After the last one Ctrl-C is pressed. */
  function connections(interrupt: AbortController, ...bodies: (string | (() => Response))[]) {
    const left = [...bodies];
    return fakeApi({
      "GET /api/v1/audit": () => {
        const next = left.shift();
        if (typeof next === "function") return next();
        if (next === undefined) interrupt.abort();
        return new Response(next ?? "");
      },
    });
  }

  it.each([
    [
      "table",
      /^TIME {19}USER {7}TOKEN .*\n2026-11-21T10:59:00Z {3}usr_gone .*\n2026-11-21T11:00:00Z {3}alice {6}laptop .*\n$/,
    ],
    ["json", /^\{"at":"2026-11-21T10:59.*\}\n\{"at":"2026-11-21T11:00.*\}\n$/],
    ["yaml", /^---\nat: "2026-11-21T10:59(.|\n)*\n---\nat: "2026-11-21T11:00/],
  ])("prints %s for each event until Ctrl-C", async (format, expected) => {
    const interrupt = new AbortController();
    const body = `${frames([7, failed], [9, call])}event: synced\nid: 9\ndata: {}\n\n`;
    const server = connections(interrupt, body);
    const { code, stdout, stderr } = await cli(["audit", "-w", "-o", format, "--llm", "gpt"], {
      server,
      signal: interrupt.signal,
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    expect(stdout).toMatch(expected);
    expect(stdout).not.toContain("\u001b");
    const asked = server.requests.filter((request) => request.includes("/audit"));
    expect(asked[0]).toBe("GET /api/v1/audit?llm=gpt&watch=1");
    expect(asked[1]).toBe("GET /api/v1/audit?llm=gpt&watch=1&after=9");
  });

  it("reconnects behind the last event, and stops at an error that will not pass", async () => {
    const server = connections(
      new AbortController(),
      frames([3, failed]),
      () => failure(503, "unavailable", "starting"),
      frames([4, call]),
      () => failure(401, "unauthenticated", "log in"),
    );
    const pauses: number[] = [];
    const seen: string[] = [];
    const following = async () => {
      const client = new ApiClient({ url: server.url });
      const pause = async (attempt: number) => void pauses.push(attempt);
      for await (const event of followAudit(client, {}, new AbortController().signal, pause))
        seen.push(event.requestId);
    };
    await expect(following()).rejects.toMatchObject({ code: "unauthenticated" });
    expect(seen).toEqual(["req_1", "req_2"]);
    expect(pauses).toEqual([0, 1, 0]);
    expect(server.requests.map((requests) => requests.split("?")[1])).toEqual([
      "watch=1",
      "watch=1&after=3",
      "watch=1&after=3",
      "watch=1&after=4",
    ]);
  });

  it("does not reconnect if the first connection fails", async () => {
    const server = fakeApi({ "GET /api/v1/audit": () => failure(503, "unavailable", "down") });
    const { code, stdout, stderr } = await cli("audit -w", { server });
    expect([code, stdout, stderr, server.requests.length]).toEqual([1, "", "error: down\n", 1]);
  });

  it("prints the events of a real server as they happen", async () => {
    const server = await testServer();
    const { bearer } = await server.token("auditor", [{ role: "view", resource: "audit" }]);
    const around = { server, env: { MCPCTL_TOKEN: bearer } };
    const signal = new AbortController();
    const client = new ApiClient({ url: server.url, token: bearer });
    const seen = followAudit(client, { action: "create", limit: "1" }, signal.signal, async () => {});
    expect((await seen.next()).value).toMatchObject({ detail: { kind: "token", name: "auditor" } });
    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    expect((await seen.next()).value).toMatchObject({
      user: "admin",
      detail: { kind: "project", name: "p" },
    });
    signal.abort();
    await expect(seen.next()).rejects.toMatchObject({ code: "interrupted" });
    const { stdout } = await cli("audit --action create --limit 1 --no-headers", around);
    expect(stdout).toMatch(/^\S+ +admin +- +create +project\/p +201 +- +- +-\n$/);
  });
});
