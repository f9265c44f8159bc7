import { describe, expect, it } from "vitest";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

const failed = {
  at: "2026-11-21T11:00:00.250Z",
  action: "llm_inference_call",
  requestId: "req_2",
  userId: "usr_1",
  tokenId: "tok_1",
  status: 502,
  llm: "fast",
  poolMember: "claude",
  model: "claude-opus-5",
  type: "anthropic",
  dialect: "messages",
  streaming: true,
  durationMs: 3210,
  promptTokens: 0,
  completionTokens: 0,
  cachedTokens: 0,
  error: "provider_rejected_credential",
  user: "alice",
  token: "laptop",
  rules: [
    { rule: "rbac/devs", subject: "group/devs", grant: "run:llms", changedSince: true },
    { rule: "token/laptop", grant: "run:llms:fast" },
  ],
  detail: {
    host: "api.anthropic.com",
    said: "invalid x-api-key \u001b[31m",
    phases: { before: 1205, head: 900 },
    attempts: [
      {
        llm: "gpt",
        error: "provider_unreachable",
        durationMs: 1200,
        cause: "CERT_HAS_EXPIRED",
        host: "one.example",
      },
      {
        llm: "claude",
        error: "provider_rejected_credential",
        status: 401,
        durationMs: 900,
        said: "invalid x-api-key",
      },
    ],
  },
};

const tool = {
  at: "2026-11-21T11:00:01.000Z",
  action: "mcp_call",
  requestId: "req_2",
  userId: "usr_gone",
  tokenId: null,
  status: 200,
  durationMs: 12,
  user: null,
  detail: { project: "shop", server: "files", tool: "read_text_file" },
};

describe("audit REQUEST-ID", () => {
  it.each([80, 120, 200])("tells the whole story of a request at %i columns", async (columns) => {
    const server = fakeApi({ "GET /api/v1/audit": [tool, failed] });
    const { code, stdout, stderr } = await cli("audit req_2", { server, columns });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(server.requests).toEqual(["GET /api/v1/audit?request=req_2"]);
    expectGolden("audit-story.txt", stdout);
  });

  it("prints the events as JSON, and fails if there are none", async () => {
    const server = fakeApi({ "GET /api/v1/audit": [failed] });
    const { stdout } = await cli("audit --request req_2 -o json", { server });
    expect(JSON.parse(stdout)).toEqual([failed]);
    const none = await cli("audit req_3", { server: fakeApi({ "GET /api/v1/audit": [] }) });
    expect([none.code, none.stdout]).toEqual([3, ""]);
  });
});

describe("an error of a server", () => {
  const refuse = (headers: Record<string, string>) => () =>
    Response.json({ error: "the provider failed", code: "provider_error" }, { status: 502, headers });

  it("is printed with the id of its request", async () => {
    const server = fakeApi({ "GET /api/v1/llms": refuse({ "x-request-id": "req_4f1c02" }) });
    expect((await cli("get llms", { server })).stderr).toBe(
      "error: the provider failed\nrequest: req_4f1c02\n",
    );
  });

  it.each(["", "req_\u00e9", "req_A\u009b31m", `req_${"x".repeat(100)}`, "7"])(
    "is printed without an id that is none: %j",
    async (id) => {
      const server = fakeApi({ "GET /api/v1/llms": refuse(id === "" ? {} : { "x-request-id": id }) });
      expect((await cli("get llms", { server })).stderr).toBe("error: the provider failed\n");
    },
  );
});
