import { type EndSignal, nativeSignal } from "../../end-signal.ts";
import { AppError } from "../../errors.ts";
import { isObject, type JsonObject } from "../../mcp/messages.ts";
import { scanJson } from "../../wire/json.ts";
import type { Principal } from "../core/access/policy.ts";
import type { ProjectRow } from "../core/store/typed-rows.ts";
import type { InferenceCall } from "../inference/call.ts";

/** Answers a call of a model. */
export type Infer = (call: InferenceCall) => Promise<Response>;

/** A caller and the project whose llm works for it: the caller's rights and limits hold, and the audit log has the call. */
export interface LlmUse {
  project: ProjectRow;
  principal: Principal;
  requestId: string;
}

/** A question to the llm of a project that a short text answers. */
export interface ProjectQuestion extends LlmUse {
  /** The task of the model, as its system prompt. */
  system: string;
  text: string;
  /** The most tokens of the answer. */
  maxTokens: number;
  /** Milliseconds after which the question is given up. */
  timeout: number;
  signal?: EndSignal;
}

/**
 * Asks the llm of a project. Returns its text, which is not empty.
 *
 * @throws AppError if the project has no llm, the caller may not run it, a limit is reached, or there is no text in time
 */
export type AskProjectLlm = (question: ProjectQuestion) => Promise<string>;

/** The levels of a request to a model. */
const maxDepth = 64;

/** Characters that a token of an answer has at most, for models that do not keep to the limit. */
const charactersPerToken = 16;

/** Returns the name of the llm of a project; undefined if it has none. */
export function llmOf({ spec: { llmProvider } }: ProjectRow): string | undefined {
  return llmProvider === "none" ? undefined : llmProvider;
}

/** Returns a function that asks the llms of projects. */
export function projectLlmOf(infer: Infer): AskProjectLlm {
  return async ({ system, text, maxTokens, timeout, signal, ...use }) => {
    const over = AbortSignal.timeout(timeout);
    const request = {
      messages: [
        { role: "system", content: system },
        { role: "user", content: text },
      ],
      max_tokens: maxTokens,
    };
    try {
      const { content } = await chatOfProject(infer, use, request, nativeSignal(over, ...signals(signal)));
      const answer = withoutThoughts(content ?? "").slice(0, maxTokens * charactersPerToken);
      if (answer !== "") return answer;
    } catch (cause) {
      const llm = `the llm of project "${use.project.name}"`;
      if (over.aborted)
        throw new AppError("provider_timeout", `${llm} did not answer within ${timeout / 1000} s`, { cause });
      if (cause instanceof AppError) throw cause;
      throw new AppError("provider_error", `${llm} gave no answer that can be read`, { cause });
    }
    throw new AppError("provider_error", `the llm of project "${use.project.name}" gave no text`);
  };
}

/** The first answer of a model. */
export interface LlmAnswer {
  llm: string;
  /** Undefined if the model gave no text. */
  content: string | undefined;
  finishReason: unknown;
}

/**
 * Sends a request of OpenAI's chat dialect to the llm of a project.
 *
 * @param request everything but the model
 * @throws AppError if the project has no llm, or the call fails
 */
export async function chatOfProject(
  infer: Infer,
  { project, principal, requestId }: LlmUse,
  request: JsonObject,
  signal: EndSignal,
): Promise<LlmAnswer> {
  const name = llmOf(project);
  if (name === undefined) throw new AppError("not_found", `project "${project.name}" has no llm`);
  const body = { model: project.spec.llmModel ?? name, ...request };
  const text = JSON.stringify(body);
  const response = await infer({
    operation: "chat",
    principal,
    requestId,
    httpRequest: { headers: new Headers(), signal },
    onLastBytes() {},
    name,
    read: async () => ({ text, body, scan: scanJson(text, { maxDepth }) }),
  });
  const answer: unknown = await response.json();
  const choices = isObject(answer) ? answer["choices"] : undefined;
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const { message, finish_reason: finishReason } = isObject(first) ? first : {};
  const content = isObject(message) ? message["content"] : undefined;
  return { llm: name, content: typeof content === "string" ? content : undefined, finishReason };
}

/** Returns the text behind the reasoning that some servers leave in it. */
function withoutThoughts(text: string): string {
  const end = text.lastIndexOf("</think>");
  return (end < 0 ? text : text.slice(end + "</think>".length)).trim();
}

function signals(signal: EndSignal | undefined): EndSignal[] {
  return signal ? [signal] : [];
}
