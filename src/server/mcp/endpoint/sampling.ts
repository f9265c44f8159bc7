import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { scanJson } from "../../../wire/json.ts";
import type { InferenceCall } from "../../inference/call.ts";
import type { ClientSampler } from "./questions.ts";

/** Answers a call of a model. */
export type Infer = (call: InferenceCall) => Promise<Response>;

/** The levels of a request to a model. */
const maxDepth = 64;

/** The most tokens of an answer if the server gives no bound. */
const defaultMaxTokens = 1024;

/**
 * Returns a function that lets the llm of a project answer servers that ask for a completion. The call is one of the
 * client's: its rights and limits hold, and the audit log has it.
 */
export function samplerOf(infer: Infer): ClientSampler {
  return async ({ caller: { principal }, project, requestId }, params, signal) => {
    const { llmProvider: name } = project.spec;
    if (name === undefined || name === "none")
      throw new RpcError(rpcCodes.invalidRequest, `project ${project.name} has no llm for sampling`);
    const text = JSON.stringify(chatRequest(name, params));
    try {
      const response = await infer({
        operation: "chat",
        principal,
        requestId,
        httpRequest: new Request("http://localhost/v1/chat/completions", { method: "POST", signal }),
        onLastBytes() {},
        name,
        read: async () => ({
          text,
          body: JSON.parse(text) as JsonObject,
          scan: scanJson(text, { maxDepth }),
        }),
      });
      return samplingResult(await response.json(), name);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new RpcError(rpcCodes.internalError, `sampling: ${error.message}`, { code: error.code });
    }
  };
}

/** Returns the request of OpenAI's chat dialect for `sampling/createMessage`. */
function chatRequest(model: string, params: JsonObject): JsonObject {
  const { messages, systemPrompt, maxTokens, temperature, stopSequences, tools } = params;
  if (tools !== undefined)
    throw new RpcError(rpcCodes.invalidParams, "sampling with tools is not supported here");
  if (!Array.isArray(messages)) throw new RpcError(rpcCodes.invalidParams, "messages must be a list");
  return {
    model,
    messages: [
      ...(typeof systemPrompt === "string" ? [{ role: "system", content: systemPrompt }] : []),
      ...messages.map(chatMessage),
    ],
    max_tokens: typeof maxTokens === "number" ? maxTokens : defaultMaxTokens,
    ...(typeof temperature === "number" && { temperature }),
    ...(Array.isArray(stopSequences) && stopSequences.length > 0 && { stop: stopSequences }),
  };
}

function chatMessage(message: unknown): JsonObject {
  const { role, content } = isObject(message) ? message : {};
  const parts = (Array.isArray(content) ? content : [content]).map(chatPart);
  const [only] = parts;
  const isText = parts.length === 1 && only?.["type"] === "text";
  return { role: role === "assistant" ? "assistant" : "user", content: isText ? only["text"] : parts };
}

function chatPart(content: unknown): JsonObject {
  const { type, text, data, mimeType } = isObject(content) ? content : {};
  if (type === "text" && typeof text === "string") return { type: "text", text };
  if (type === "image")
    return { type: "image_url", image_url: { url: `data:${String(mimeType)};base64,${String(data)}` } };
  throw new RpcError(
    rpcCodes.invalidParams,
    `sampling with content of type ${String(type).slice(0, 40)} is not supported here`,
  );
}

const stopReasons: Readonly<Record<string, string>> = { stop: "endTurn", length: "maxTokens" };

function samplingResult(answer: unknown, name: string): JsonObject {
  const choices = isObject(answer) ? answer["choices"] : undefined;
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const { message, finish_reason: reason } = isObject(first) ? first : {};
  const text = isObject(message) ? message["content"] : undefined;
  if (typeof text !== "string") throw new RpcError(rpcCodes.internalError, "sampling: the llm gave no text");
  return {
    role: "assistant",
    content: { type: "text", text },
    model: name,
    stopReason: stopReasons[String(reason)] ?? "endTurn",
  };
}
