import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { nobody } from "../../../src/server/core/access/policy.ts";
import type { ProjectRow } from "../../../src/server/core/store/typed-rows.ts";
import type { InferenceCall } from "../../../src/server/inference/call.ts";
import { type ProjectQuestion, projectLlmOf } from "../../../src/server/mcp/project-llm.ts";

function question(spec: object = { llmProvider: "small" }): ProjectQuestion {
  return {
    project: { name: "p", spec } as ProjectRow,
    principal: nobody,
    requestId: "r1",
    system: "Name it.",
    text: "a page",
    maxTokens: 5,
    timeout: 10_000,
  };
}

function answering(message: unknown) {
  const calls: InferenceCall[] = [];
  const ask = projectLlmOf(async (call) => {
    calls.push(call);
    return Response.json({ choices: [{ message, finish_reason: "stop" }] });
  });
  return { calls, ask };
}

describe("a question to the llm of a project", () => {
  it("is a call of the caller, with a bound for the answer", async () => {
    const { calls, ask } = answering({ content: " A name " });
    expect(await ask(question())).toBe("A name");
    const [call] = calls;
    expect(call).toMatchObject({ operation: "chat", principal: nobody, requestId: "r1", name: "small" });
    const { body, text, scan } = await call!.read({ asks() {} });
    expect(body).toEqual({
      model: "small",
      messages: [
        { role: "system", content: "Name it." },
        { role: "user", content: "a page" },
      ],
      max_tokens: 5,
    });
    expect(JSON.parse(text)).toEqual(body);
    expect(scan.members.map(({ key }) => key)).toEqual(["model", "messages", "max_tokens"]);
  });

  it("asks for the model that the project names", async () => {
    const { calls, ask } = answering({ content: "x" });
    await ask(question({ llmProvider: "small", llmModel: "tiny" }));
    expect((await calls[0]!.read({ asks() {} })).body["model"]).toBe("tiny");
  });

  it("gives the text without reasoning, cut where the model does not stop", async () => {
    expect(await answering({ content: "<think>hm\n</think>\n\nA name" }).ask(question())).toBe("A name");
    expect(await answering({ content: "x".repeat(1000) }).ask(question())).toBe("x".repeat(80));
  });

  it.each([{}, { content: "" }, { content: "<think>hm</think>" }, { content: 5 }, null])(
    "fails for an answer without text: %j",
    async (message) => {
      await expect(answering(message).ask(question())).rejects.toMatchObject({ code: "provider_error" });
    },
  );

  it.each([{}, { llmProvider: "none" }])(
    "fails without a call if the project has no llm: %j",
    async (spec) => {
      const { calls, ask } = answering({ content: "x" });
      await expect(ask(question(spec))).rejects.toMatchObject({ code: "not_found" });
      expect(calls).toEqual([]);
    },
  );

  it("passes on that a limit or a right refuses the call", async () => {
    const ask = projectLlmOf(async () => {
      throw new AppError("too_many_requests", "enough");
    });
    await expect(ask(question())).rejects.toMatchObject({ code: "too_many_requests", message: "enough" });
  });

  it("is given up in time, and so is the call", async () => {
    let signal: { aborted: boolean } | undefined;
    const ask = projectLlmOf(({ httpRequest }) => {
      signal = httpRequest.signal;
      return new Promise((_, reject) => {
        httpRequest.signal.addEventListener("abort", () =>
          reject(new AppError("client_closed_request", "gone")),
        );
      });
    });
    await expect(ask({ ...question(), timeout: 10 })).rejects.toMatchObject({ code: "provider_timeout" });
    expect(signal!.aborted).toBe(true);
    const leaves = new AbortController();
    const left = ask({ ...question(), signal: leaves.signal });
    leaves.abort();
    await expect(left).rejects.toMatchObject({ code: "client_closed_request" });
  });
});
