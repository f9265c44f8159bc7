import { describe, expect, it } from "vitest";
import { catalogueResponses, fakeApi, llms, rows } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

const event = (i: number, more: object = {}) => ({
  at: `2026-11-21T11:0${i}:00.123Z`,
  action: "llm_inference_call",
  requestId: `req_${i}`,
  user: "alice",
  token: "laptop-of-alice",
  userId: "usr_1",
  tokenId: "tok_1",
  status: 200,
  llm: "qwen-alice",
  durationMs: 1234,
  promptTokens: 1200,
  completionTokens: 340,
  ...more,
});

const server = () =>
  fakeApi({
    ...catalogueResponses(),
    "GET /api/v1/tokens": rows("token", {
      name: "laptop-of-alice",
      project: "website",
      prefix: "mcpctl_pat_abcdef",
      lastUsedAt: "2026-11-21T09:00:00Z",
      expiresAt: "2026-12-21T12:00:00Z",
      status: "active",
      owner: "alice",
    }),
    "GET /api/v1/servers": rows("server", {
      name: "files",
      transport: "stdio",
      source: "npm:@modelcontextprotocol/server-filesystem@2026.8.31",
      replicas: 1,
      ready: 1,
      toolCount: 14,
      status: "ready",
      origin: "static",
    }),
    "GET /api/v1/projects": rows("project", {
      name: "website",
      llmProvider: "claude",
      llmStatus: "registered",
      servers: ["files", "github"],
      description: "Everything that has to do with the web site of the club, and with its newsletter",
    }),
    "GET /api/v1/audit": [event(1), event(2, { status: 429, error: "too_many_requests" })],
    "GET /api/v1/usage": [
      {
        user: "alice",
        requests: 1234,
        errors: 2,
        promptTokens: 1_234_567,
        completionTokens: 345_678,
        cachedTokens: 12,
        cost: 1.5,
      },
    ],
  });

const lines = ["get llms", "get tokens", "get servers", "get projects", "audit", "get usage"];

describe("tables on a terminal", () => {
  it.each([80, 120, 200])("fit %d columns, with names and models whole", async (columns) => {
    let transcript = "";
    for (const line of lines) {
      const { code, stdout } = await cli(line, { server: server(), answers: [], columns });
      expect(code, line).toBe(0);
      for (const text of stdout.trimEnd().split("\n"))
        expect(Bun.stringWidth(text), `${line}: ${text}`).toBeLessThanOrEqual(columns);
      transcript += `$ mcpctl ${line}\n${stdout}\n`;
    }
    for (const word of ["qwen-alice", "Qwen/Qwen2.5-7B-Instruct", "hibernating", "AGE", "laptop-of-alice"])
      expect(transcript).toContain(word);
    expectGolden(`screens-${columns}.txt`, transcript);
  });

  it("keep a long name and model whole, and wrap where nothing else is left", async () => {
    const long = { ...llms[0]!, name: "n".repeat(60), model: "m".repeat(60) };
    const api = fakeApi({ "GET /api/v1/llms": [long] });
    const { stdout } = await cli("get llms", { server: api, answers: [], columns: 80 });
    expect(stdout).toContain(long.name);
    expect(stdout).toContain(long.model);
    expect(stdout).not.toMatch(/POOL|KEY|AGE/);
  });

  it("have all columns off a terminal, without one of ages that scripts do not expect", async () => {
    const { stdout } = await cli("get llms", { server: server() });
    expect(stdout.split("\n")[0]!.split(/ {3,}/)).toEqual(
      "NAME POOL TYPE MODEL TIER VISIBILITY ORIGIN STATUS KEY ID".split(" "),
    );
  });

  it("fit with -w as well", async () => {
    const stop = new AbortController();
    const sse = llms.map((one) => `event: added\nid: 1\ndata: ${JSON.stringify(one)}\n\n`).join("");
    const api = fakeApi({
      "GET /api/v1/llms": () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(`${sse}event: synced\nid: 1\ndata: {}\n\n`),
          }),
          { headers: { "content-type": "text/event-stream" } },
        ),
    });
    const { stdout } = await cli("get llms -w", {
      server: api,
      answers: [],
      columns: 80,
      signal: stop.signal,
      onOutput: (text) => text.includes(llms.at(-1)!.name) && stop.abort(),
    });
    const printed = stdout.trimEnd().split("\n");
    expect(printed).toHaveLength(3);
    for (const line of printed) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
    expect(stdout).toContain("Qwen/Qwen2.5-7B-Instruct");
  });
});

describe("get --where and -o custom-columns", () => {
  it("filter by fields and lists, and print the chosen columns", async () => {
    const names = async (line: string) =>
      (await cli(`get llms ${line} -o name`, { server: server() })).stdout;
    expect(await names("--where status=active")).toBe("llm/claude\n");
    expect(await names("--where status!=active")).toBe("llm/qwen-alice\n");
    expect(await names("--where apiKeyRef.name=anthropic --where tier=heavy")).toBe("llm/claude\n");
    expect(await names("--where tier=heavy --where status=hibernating")).toBe("");
    expect((await cli("get llms --where status=inactive", { server: server() })).stderr).toBe(
      "No llms found.\n",
    );
    const line = "get llms -o custom-columns=NAME:.name,KEY:apiKeyRef.key";
    expect((await cli(line, { server: server() })).stdout).toBe(
      "NAME         KEY\nclaude       api-key\nqwen-alice   -\n",
    );
    expect((await cli(`${line} --no-headers`, { server: server() })).stdout).not.toContain("NAME");
    expect((await cli("get usage -o custom-columns=U:user,R:requests", { server: server() })).stdout).toBe(
      "U       R\nalice   1234\n",
    );
  });

  it.each([
    ["get llms --where status=actve", "--where: status must be one of active,", 'did you mean "active"?'],
    ["get llms --where tier!=fsat", "--where: tier must be fast or heavy", 'did you mean "fast"?'],
    ["get llms --sort-by .nope", '--sort-by: llm has no field "nope"', "mcpctl explain llm"],
    ["get llms --where statsu=active", '--where: llm has no field "statsu"', 'did you mean "status"?'],
    ["get llms --where status", '"status" is not FIELD=VALUE', "status=active"],
    ["get llms -o custom-columns=N:.nmae", 'llm has no field "nmae"', 'did you mean "name"?'],
    ["get llms -o custom-columns=N", '"N" is not HEADER:PATH', "NAME:.name"],
    ["get llms -o custom-columns", "needs columns", "NAME:.name"],
    ["wait llm/claude --for=foo=bar", '--for: llm has no field "foo"', "mcpctl explain llm"],
    ["audit -o custom-columns=A:.at", "mcpctl audit does not print custom-columns", "wide, json, yaml"],
    ["describe llm claude -o custom-columns=N:.name", "takes no -o", ""],
    ["whoami -o custom-columns=N:.name", "mcpctl whoami does not print custom-columns", "formats: json"],
  ])("%s is refused", async (line, message, hint) => {
    const { code, stdout, stderr } = await cli(line, { server: server() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });
});
