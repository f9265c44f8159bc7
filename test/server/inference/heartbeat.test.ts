import { expect, it, onTestFinished } from "vitest";
import { passthroughPipe } from "../../../src/adapters/passthrough/index.ts";
import { answerShapes } from "../../../src/adapters/shapes/index.ts";
import { AppError } from "../../../src/errors.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import type { Principal } from "../../../src/server/core/access/policy.ts";
import { Deadlines } from "../../../src/server/core/deadlines.ts";
import { LiveResponse } from "../../../src/server/core/live-response.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { CallMetrics } from "../../../src/server/inference/call-metrics.ts";
import { HealthBook } from "../../../src/server/inference/llm-health.ts";
import { CallRecord } from "../../../src/server/inference/record.ts";
import { openStream } from "../../../src/server/inference/stream.ts";
import { Audit } from "../../../src/server/observability/audit.ts";
import { Metrics } from "../../../src/server/observability/metrics.ts";
import { dialects } from "../../../src/wire/dialects/index.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import {
  type Connection,
  chatFrames,
  chunk,
  lastChunk,
  streamHead,
  upstream,
} from "../../support/upstream.ts";

const principal: Principal = {
  kind: "User",
  id: "usr_1",
  name: "alice",
  userId: "usr_1",
  userName: "alice",
  groups: [],
  policies: [],
};
const limits = { connect: 60_000, firstByte: 60_000, silence: 60_000 };
const [start, word, finish, done] = chatFrames(["a"], false) as [string, string, string, string];

it("a quiet stream gets a comment every 15 s, only between frames", async () => {
  let now = 0;
  const deadlines = new Deadlines(() => now);
  /** Advances the clock. Returns when everything that was due has happened. */
  const pass = (milliseconds: number) =>
    new Promise<void>((passed) => {
      deadlines.after(milliseconds, passed);
      now += milliseconds;
    });
  let connection!: Connection;
  const provider = upstream((_, opened) => {
    connection = opened;
    connection.write(streamHead);
  });
  const outbound = createOutbound();
  onTestFinished(() => outbound.close());
  const response = await outbound(new URL(provider.url), { method: "POST", headers: {}, timeouts: limits });
  const store = await openStore({ path: `${temporaryFolder()}/mcpctl.db`, now: Date.now });
  onTestFinished(() => store.close());
  const opening = openStream({
    response,
    pipe: passthroughPipe("chat", { stripUsage: false }),
    wire: dialects.chat,
    record: new CallRecord(
      { requestId: "req_1", principal, dialect: "chat", streaming: true },
      new Audit(store),
      new CallMetrics(new Metrics()),
      new HealthBook(new Map(), Date.now),
      Date.now,
    ),
    requestId: "req_1",
    isLabelled: true,
    shapes: answerShapes.chat,
    family: "openai",
    key: undefined,
    deadlines,
    memory: { need() {}, release() {} },
    readTimeout: 300_000,
    principal,
    guard: { streams: { watch() {}, unwatch() {} }, reason: () => new AppError("unauthenticated", "gone") },
    onComplete() {},
    place: { leave() {} },
    onLastBytes() {},
    visibleError: (error) => error,
  });
  // Nothing has come yet: the body opens with the first comment.
  await pass(15_000);
  const reader = new LiveResponse(await opening, {}).body.getReader();
  const decoder = new TextDecoder();
  /** Reads at least this many characters and returns them. */
  const next = async (length: number) => {
    let text = "";
    while (text.length < length) text += decoder.decode((await reader.read()).value);
    return text;
  };

  expect(await next(1)).toBe(":\n\n");
  connection.write(chunk(start));
  expect(await next(start.length)).toBe(start);

  // A frame postpones the next comment.
  await pass(14_000);
  connection.write(chunk(word));
  expect(await next(word.length)).toBe(word);
  await pass(14_000);
  // A frame that is too large to be buffered until it is complete.
  const large = chatFrames(["x".repeat(300_000)], false)[1]!;
  const [half, rest] = [large.slice(0, 299_000), large.slice(299_000)];
  connection.write(chunk(half));
  expect(await next(half.length)).toBe(half);
  await pass(15_000);
  await pass(15_000);
  connection.write(chunk(rest));
  expect(await next(rest.length)).toBe(rest);

  await pass(15_000);
  expect(await next(1)).toBe(":\n\n");
  connection.write(chunk(finish + done) + lastChunk);
  expect(await next((finish + done).length)).toBe(finish + done);
  expect(await reader.read()).toMatchObject({ done: true });
  expect(await store.queryAudit({ limit: 9 })).toMatchObject([{ status: 200, requestId: "req_1" }]);
});
