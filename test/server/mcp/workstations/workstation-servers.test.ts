import { describe, expect, it } from "vitest";
import { PushedResponse } from "../../../../src/net/pushed-response.ts";
import type { McpServerRow } from "../../../../src/server/core/store/typed-rows.ts";
import type { ServerCall } from "../../../../src/server/mcp/types.ts";
import { WorkstationServers } from "../../../../src/server/mcp/workstations/workstation-servers.ts";
import type { VirtualServerCall } from "../../../../src/server/workstations/virtual-servers.ts";
import { parseExact } from "../../../../src/wire/exact-json.ts";
import type { QuestionAnswer } from "../../../../src/wire/link/mcp-calls.ts";

const server = { name: "desk", spec: { callSeconds: 5, startSeconds: 5 } } as unknown as McpServerRow;

/** Calls an MCP server whose workstation sends some text. */
async function called(text: string | Uint8Array[], more: Partial<ServerCall> = {}) {
  const sent: VirtualServerCall[] = [];
  const answers: QuestionAnswer[] = [];
  let isCancelled = false;
  const response = new PushedResponse(200, {}, { onCancel: () => (isCancelled = true) });
  const servers = new WorkstationServers({
    hasAgentOf: () => true,
    callServer(call) {
      sent.push(call);
      return { response: Promise.resolve(response), answer: (answer) => void answers.push(answer) };
    },
  });
  const result = servers.call({
    server,
    caller: { principal: {} as never, session: "s", capabilities: { sampling: {} } },
    method: "tools/call",
    params: { name: "it" },
    mayRepeat: true,
    onRequest: () => Promise.reject(new Error("no client")),
    ...more,
  });
  result.catch(() => {});
  await Bun.sleep(0);
  for (const part of typeof text === "string" ? [Buffer.from(text)] : text) response.push(Buffer.from(part));
  if (!response.over) response.end();
  return { result, sent, answers, isCancelled: () => isCancelled };
}

describe("the call of an MCP server of a workstation", () => {
  it("sends a method, params and limits, and no word about a program (T180)", async () => {
    const { sent, result } = await called('{"result":{"content":[]}}\n');
    expect(JSON.parse(sent[0]!.text)).toEqual({
      method: "tools/call",
      params: { name: "it" },
      capabilities: { sampling: {} },
      timeoutMs: 5000,
      mayRepeat: true,
      wantsProgress: false,
    });
    expect(await result).toEqual({ content: [] });
  });

  it("reads lines that are cut anywhere, without the last line's end", async () => {
    const bytes = Buffer.from(
      '\n{"jsonrpc":"2.0","method":"notifications/message","params":{"a":"ä"}}\n{"result":{"ö":1}}',
    );
    const seen: unknown[] = [];
    const parts = [...bytes].map((byte) => Uint8Array.of(byte));
    const { result } = await called(parts, { onNotification: ({ params }) => void seen.push(params) });
    expect([await result, seen]).toEqual([{ ö: 1 }, [{ a: "ä" }]]);
  });

  it("passes questions to the client and its answers back, also refusals", async () => {
    const ask = '{"jsonrpc":"2.0","id":"q1","method":"roots/list"}\n';
    const { answers } = await called(ask, { onRequest: async () => ({ roots: [] }) });
    expect(answers).toEqual([{ id: "q1", result: { roots: [] } }]);
    const refused = await called(ask);
    expect(refused.answers).toEqual([
      { id: "q1", error: { code: -32_603, message: "the client did not answer" } },
    ]);
  });

  it.each(["initialize", "resources/subscribe", "ping"])("does not pass on %s", async (method) => {
    const { sent, result } = await called("", { method });
    await expect(result).rejects.toMatchObject({ code: -32_601 });
    expect(sent).toEqual([]);
  });

  it.each([
    ['{"failure":"start","retryAfter":7}\n', "unavailable", /does not start on its workstation/],
    ['{"failure":"timeout"}\n', "provider_timeout", /callSeconds \(5 s\)/],
    ['{"failure":"malformed"}\n', "provider_error", /is not MCP/],
    ['{"failure":"/home/alice"}\n', "provider_error", /ended during the call/],
    ["", "provider_error", /went away during the call/],
    ["<html>\n", "provider_error", /cannot be read/],
    ['{"jsonrpc":"2.0","id":1,"result":{}}\n', "provider_error", /cannot be read/],
    [`{"a":"${"x".repeat(13 * 1024 * 1024)}`, "provider_error", /cannot be read/],
    [`${"[".repeat(200_000)}\n`, "provider_error", /cannot be read/],
  ])("is one error without words of the workstation: %.40s (T182, T183)", async (text, code, message) => {
    const { result } = await called(text);
    const error = await result.catch((one) => one);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error.message).not.toMatch(/alice|html/);
  });

  it("keeps the digits of long integers in both directions (failure mode 224)", async () => {
    const params = { name: "it", arguments: parseExact('{"id":9007199254740993}') };
    const { sent, result } = await called(
      '{"result":{"content":[],"structuredContent":{"id":9007199254740995}}}\n',
      { params },
    );
    expect(sent[0]!.text).toContain('"id":9007199254740993');
    expect(JSON.stringify(await result)).toContain('"id":9007199254740995');
  });

  it("takes nothing after its answer", async () => {
    const seen: unknown[] = [];
    const text =
      '{"result":{}}\n{"jsonrpc":"2.0","method":"notifications/message"}\n{"result":{"second":1}}\n';
    const { result } = await called(text, { onNotification: (one) => void seen.push(one) });
    expect([await result, seen]).toEqual([{}, []]);
  });
});
