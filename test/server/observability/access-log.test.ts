import { describe, expect, it } from "vitest";
import { createAccessLog, type LoggedRequest } from "../../../src/server/observability/access-log.ts";
import { event } from "../../contract/store-fixtures.ts";

const now = () => Date.parse("2026-11-21T10:00:00Z");

/** Its lines so far, parsed. */
function accessLog() {
  const written: string[] = [];
  const log = createAccessLog((text) => written.push(text), now);
  const lines = () => {
    const text = written.join("");
    if (text !== "") expect(text).toMatch(/\n$/);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  };
  return { log, lines, written };
}

const asked: LoggedRequest = {
  requestId: "req_1",
  method: "POST",
  route: "/v1/chat/completions",
  status: 200,
  durationMs: 12.4,
  user: "alice",
  streaming: false,
};
const call = event(1, {
  action: "llm_inference_call",
  requestId: "req_1",
  llm: "gpt",
  model: "up",
  durationMs: 3210.7,
  promptTokens: 7,
  completionTokens: 2,
  cachedTokens: 0,
});
const ofCall = { llm: "gpt", tokensIn: 7, tokensOut: 2, tokensCached: 0 };
const line = {
  time: "2026-11-21T10:00:00.000Z",
  level: "info",
  msg: "request",
  requestId: "req_1",
  method: "POST",
  route: "/v1/chat/completions",
  status: 200,
};

describe("the access log", () => {
  it("has one line per request, without unknown fields", () => {
    const { log, lines } = accessLog();
    log.responded({ ...asked, method: "GET", route: "/api/v1/llms/:idOrName" });
    log.responded({ ...asked, route: null, status: 404, user: undefined, error: "not_found" });
    expect(lines()).toEqual([
      { ...line, method: "GET", route: "/api/v1/llms/:idOrName", durationMs: 12, user: "alice" },
      { ...line, route: null, status: 404, durationMs: 12, error: "not_found" },
    ]);
  });

  it("has one line per call, with its llm and tokens", () => {
    const { log, lines } = accessLog();
    log.recorded(call);
    expect(lines()).toEqual([]);
    log.responded(asked);
    expect(lines()).toEqual([{ ...line, durationMs: 3211, user: "alice", ...ofCall }]);
  });

  it("has the line of a stream at its end, with its error", () => {
    const { log, lines } = accessLog();
    log.responded({ ...asked, streaming: true });
    log.responded({ ...asked, requestId: "req_2", streaming: true });
    expect(lines()).toEqual([]);
    log.recorded({ ...call, requestId: "req_2", status: 502, error: "provider_error" });
    log.recorded(call);
    expect(lines()).toEqual([
      {
        ...line,
        requestId: "req_2",
        status: 502,
        durationMs: 3211,
        user: "alice",
        ...ofCall,
        error: "provider_error",
      },
      { ...line, durationMs: 3211, user: "alice", ...ofCall },
    ]);
  });

  it("has the line of a stream that ended before its response began", () => {
    const { log, lines } = accessLog();
    log.recorded(call);
    log.responded({ ...asked, streaming: true });
    expect(lines()).toHaveLength(1);
  });

  it("has the status that the caller got where the audit event could not be stored", () => {
    const { log, lines } = accessLog();
    log.recorded(call);
    log.responded({ ...asked, status: 507, error: "storage_full" });
    expect(lines()).toMatchObject([{ status: 507, error: "storage_full", llm: "gpt" }]);
  });

  it("ignores audit events of other actions", () => {
    const { log, lines } = accessLog();
    log.recorded(event(1, { action: "login", requestId: "req_1" }));
    log.responded({ ...asked, route: "/api/v1/auth/login" });
    log.recorded(event(1, { action: "login", requestId: "req_1" }));
    expect(lines()).toEqual([{ ...line, route: "/api/v1/auth/login", durationMs: 12, user: "alice" }]);
  });

  it("has no control characters (T42)", () => {
    const { log, lines, written } = accessLog();
    log.responded({ ...asked, user: "a\u001b[31m\u009b31m\u007f\nb" });
    expect(lines()[0].user).toBe("a\u001b[31m\u009b31m\u007f\nb");
    expect(written.join("").slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });
});
