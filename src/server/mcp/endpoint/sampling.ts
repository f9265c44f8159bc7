import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { chatOfProject, type Infer, type LlmAnswer, llmOf } from "../project-llm.ts";
import type { ClientSampler } from "./questions.ts";

/** The most tokens of an answer if the server gives no bound. */
const defaultMaxTokens = 1024;

/**
 * Returns a function that lets the llm of a project answer servers that ask for a completion. The call is one of the
 * client's: its rights and limits hold, and the audit log has it.
 */
export function samplerOf(infer: Infer): ClientSampler {
  return async ({ caller: { principal }, project, requestId }, params, signal) => {
    if (llmOf(project) === undefined)
      throw new RpcError(rpcCodes.invalidRequest, `project ${project.name} has no llm for sampling`);
    const request = chatRequest(params);
    try {
      return samplingResult(await chatOfProject(infer, { project, principal, requestId }, request, signal));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new RpcError(rpcCodes.internalError, `sampling: ${error.message}`, { code: error.code });
    }
  };
}

/** Returns the request of OpenAI's chat dialect for `sampling/createMessage`, without a model. */
function chatRequest(params: JsonObject): JsonObject {
  const { messages, systemPrompt, maxTokens, temperature, stopSequences, tools } = params;
  if (tools !== undefined)
    throw new RpcError(rpcCodes.invalidParams, "sampling with tools is not supported here");
  if (!Array.isArray(messages)) throw new RpcError(rpcCodes.invalidParams, "messages must be a list");
  return {
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

function samplingResult({ llm, content, finishReason }: LlmAnswer): JsonObject {
  if (content === undefined) throw new RpcError(rpcCodes.internalError, "sampling: the llm gave no text");
  return {
    role: "assistant",
    content: { type: "text", text: content },
    model: llm,
    stopReason: stopReasons[String(finishReason)] ?? "endTurn",
  };
}
