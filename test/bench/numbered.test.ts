import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLocalModel } from "../../bench/agents.ts";
import type { LinkJob, LinkResult } from "../../bench/link-load.ts";
import { NumberedStream, tokenText } from "../../bench/numbered.ts";
import { Processes, type Started } from "../../bench/processes.ts";
import { callForStream } from "../../bench/soak-caller.ts";

const token = (number: number) =>
  `data: ${JSON.stringify({ choices: [{ delta: { content: tokenText(number) }, finish_reason: null }] })}\n\n`;
const finish = `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: "stop" }] })}\n\n`;
const done = "data: [DONE]\n\n";
const error = `data: ${JSON.stringify({ error: { message: "it went away", type: "api_error", code: "provider_error" } })}\n\n`;

function endingOf(...frames: string[]) {
  const stream = new NumberedStream(2);
  for (const frame of frames) stream.push(Buffer.from(frame));
  return stream.ending();
}

describe("the reader of numbered streams", () => {
  it("recognises a whole stream, wherever its bytes are cut", () => {
    const bytes = Buffer.from(`: waiting\n\n${token(1)}${token(2)}${finish}${done}`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const lags: number[] = [];
      const stream = new NumberedStream(2, (lag) => lags.push(lag));
      expect(stream.push(bytes.subarray(0, cut)) + stream.push(bytes.subarray(cut))).toBe(2);
      expect(stream.ending()).toEqual({ whole: true });
      expect(lags).toHaveLength(2);
      expect(lags[0]).toBeGreaterThanOrEqual(0);
      expect(lags[0]).toBeLessThan(60_000);
    }
  });

  it("recognises a stream that ended in an error, and its code", () => {
    expect(endingOf(error, done)).toEqual({ error: "provider_error" });
    expect(endingOf(token(1), error, done)).toEqual({ error: "provider_error" });
  });

  it.each([
    ["a gap", [token(1), token(3), finish, done], "token 3 came after token 1"],
    ["a repetition", [token(1), token(1), error, done], "token 1 came after token 1"],
    ["an end too soon", [token(1), finish, done], "says that it is whole, with 1 of 2 tokens"],
    ["an end without a finish", [token(1), token(2), done], "says that it is whole"],
    ["no end", [token(1), token(2), finish], "ended after 2 tokens, and does not say so"],
    ["an error without an end", [token(1), error], "does not say so"],
    ["an end inside a frame", [token(1), token(2).slice(0, 20)], "inside a frame"],
    ["two errors", [error, error, done], "goes on after its error"],
    ["a token behind an error", [error, token(1), done], "goes on after its error"],
    ["more behind its end", [token(1), token(2), finish, done, error], "goes on after its end"],
    ["an error that says nothing", ['data: {"error":{"code":"x"}}\n\n', done], "no message"],
  ])("blames %s", (_, frames, wrong) => {
    expect(endingOf(...frames)).toEqual({ wrong: expect.stringContaining(wrong) });
  });
});

describe("the model of a workstation", () => {
  const processes = new Processes();
  let model: Started;
  beforeAll(async () => {
    model = await startLocalModel(processes);
  });
  afterAll(() => processes.killAll());

  it("streams as many tokens as are asked for, as far apart as its name says", async () => {
    const job: LinkJob = {
      port: model.port,
      bearer: "any",
      models: ["every-10ms"],
      streams: 5,
      tokens: 20,
      every: 10,
      opening: 3,
    };
    const result = await processes.ask<LinkResult>("link-load.ts", job);
    expect(result).toMatchObject({ tokens: 100, failures: [] });
    expect(result.wall).toBeGreaterThanOrEqual(195);
    expect(result.lag.p50).toBeGreaterThanOrEqual(0);
  });

  it("is a whole stream to the soak's caller, which also sees broken ones", async () => {
    const call = { port: model.port, bearer: "any", model: "every-10ms", tokens: 3, deadline: 20_000 };
    expect(await callForStream(call)).toEqual({ whole: true });
    expect(await callForStream({ ...call, tokens: 10_000, deadline: 50 })).toEqual({
      hung: expect.stringContaining("of 10000 tokens"),
    });
    await using server = Bun.serve({
      port: 0,
      fetch: async (request) => {
        const { model } = (await request.json()) as { model: string };
        if (model === "known") return Response.json({ error: { message: "m", code: "c" } }, { status: 503 });
        if (model === "mute") return new Response("no", { status: 503 });
        return Response.json({ error: { message: "m", code: "c" } }, { status: 404 });
      },
    });
    const port = server.port!;
    expect(await callForStream({ ...call, port, model: "known" })).toEqual({ error: "503 c" });
    for (const model of ["mute", "gone"])
      expect(await callForStream({ ...call, port, model })).toEqual({ wrong: expect.any(String) });
    await server.stop(true);
    expect(await callForStream({ ...call, port })).toEqual({
      wrong: expect.stringContaining("connection failed"),
    });
  });
});
