import { isObject } from "../../../../../wire/json.ts";
import type { ModelTools } from "../model-tools.ts";
import { type ProjectCall, type Round, usageOfAll } from "../round.ts";
import { callBlock, resultBlock } from "./messages-blocks.ts";
import { messagesStream } from "./messages-stream.ts";
import {
  type AnswerContext,
  changed,
  type JsonFields,
  objectsIn,
  type ToolDialect,
  textIn,
} from "./tool-dialect.ts";

/** Reasons for an end in the middle of an answer. */
const cuts: ReadonlySet<unknown> = new Set(["max_tokens", "model_context_window_exceeded", "refusal"]);

/** Calls and results have the blocks that Anthropic's MCP connector has: `mcp_tool_use` and `mcp_tool_result`. */
export const messages: ToolDialect = {
  checkRequest() {},
  ownNames: ({ tools }) => objectsIn(tools).flatMap(({ name }) => (typeof name === "string" ? [name] : [])),
  prepared(body, tools) {
    const { messages, tools: own, tool_choice: choice } = body;
    const added = [...tools.tools].map(([name, { description, inputSchema: input_schema }]) => ({
      name,
      ...(description !== undefined && { description }),
      input_schema,
    }));
    const chosen = isObject(choice) ? tools.known(choice["name"]) : undefined;
    const isOurs = (block: unknown) => isCallOf(block, tools);
    const hasCalls = objectsIn(messages).some(({ content }) => objectsIn(content).some(isOurs));
    return {
      tools: [...added, ...(Array.isArray(own) ? own : [])],
      ...(chosen !== undefined && { tool_choice: { ...(choice as JsonFields), name: chosen } }),
      ...(hasCalls && { messages: expanded(messages as unknown[], tools) }),
    };
  },
  keptOf: ({ content }) => objectsIn(content),
  restored({ messages }, kept) {
    const added = (message: unknown) => {
      const blocks = objectsIn(isObject(message) ? message["content"] : undefined);
      const [call] = blocks.some(({ type }) => type === "mcp_tool_use") ? [] : toolUses(blocks);
      const content = call && kept(call["id"]);
      return content ? { ...(message as JsonFields), content } : message;
    };
    return changed("messages", messages, Array.isArray(messages) ? messages.map(added) : []);
  },
  wantsJson: ({ output_config: config, output_format: format }) =>
    [isObject(config) ? config["format"] : undefined, format].some(isObject),
  callsIn: ({ content }) =>
    toolUses(content).map(({ id, name, input }) => ({
      id: textIn(id),
      name: textIn(name),
      text: JSON.stringify(input ?? {}),
    })),
  isCut: ({ stop_reason: reason }) => cuts.has(reason),
  next(_, { answer, calls }) {
    let at = 0;
    const content = objectsIn(answer["content"]).flatMap((block) => {
      if (block["type"] === "tool_use") return [{ ...block, id: calls[at++]?.id ?? block["id"] }];
      // Anthropic refuses empty texts.
      return block["type"] === "text" && block["text"] === "" ? [] : [block];
    });
    const results = calls.flatMap(({ id, result }) =>
      result ? [toolResult(id, result.text, result.isError)] : [],
    );
    const elements = [
      { role: "assistant", content },
      { role: "user", content: results },
    ];
    return { field: "messages", elements };
  },
  freed({ tool_choice: choice }) {
    if (!isObject(choice) || choice["type"] === "auto" || choice["type"] === "none") return {};
    const { name: _, ...rest } = choice;
    return { tool_choice: { ...rest, type: "auto" } };
  },
  withoutCalls: { tool_choice: { type: "none" } },
  whole(rounds, context) {
    const last = rounds.at(-1)!.answer;
    const usage = usageOfAll(rounds);
    return {
      ...last,
      ...(rounds[0]!.answer["id"] !== undefined && { id: rounds[0]!.answer["id"] }),
      content: rounds.flatMap((round) => blocksOf(round, context)),
      ...(usage !== undefined && { usage }),
    };
  },
  stream: messagesStream,
};

/** Returns the blocks of a round for the caller: calls of tools of the project with their results. */
function blocksOf({ answer, calls, isLast }: Round, context: AnswerContext): JsonFields[] {
  let at = 0;
  const blocks = objectsIn(answer["content"]).flatMap((block) => {
    if (block["type"] === "text" && context.isJson && !isLast) return [];
    if (block["type"] !== "tool_use") return [block];
    const call = calls[at++];
    if (!call?.tool) return [block];
    return call.result ? [callBlock(call as ProjectCall, context)] : [];
  });
  const results = calls.filter(({ tool, result }) => tool && result);
  return [...blocks, ...results.map((call) => resultBlock(call as ProjectCall))];
}

function toolUses(content: unknown): JsonFields[] {
  return objectsIn(content).filter(({ type }) => type === "tool_use");
}

function toolResult(id: string, text: string, isError: boolean): JsonFields {
  return { type: "tool_result", tool_use_id: id, content: text, ...(isError && { is_error: true }) };
}

function isCallOf(block: unknown, { label }: ModelTools): block is JsonFields {
  return isObject(block) && block["type"] === "mcp_tool_use" && block["server_name"] === label;
}

/** Returns a conversation in which calls of tools of the project are calls of tools of the model, as they were made. */
function expanded(messages: readonly unknown[], tools: ModelTools): unknown[] {
  const out: unknown[] = [];
  /** Results for the next message of the user: the caller's own tools were called in the same answer. */
  let pending: JsonFields[] = [];
  for (const message of messages) {
    const { role, content } = isObject(message) ? message : {};
    if (role === "assistant" && objectsIn(content).some((block) => isCallOf(block, tools))) {
      flush();
      pending = expandedAnswer(message as JsonFields, tools, out);
    } else if (pending.length > 0 && role === "user") {
      const own = typeof content === "string" ? [{ type: "text", text: content }] : objectsIn(content);
      out.push({ ...(message as JsonFields), content: [...pending, ...own] });
      pending = [];
    } else {
      flush();
      out.push(message);
    }
  }
  flush();
  return out;

  function flush(): void {
    if (pending.length > 0) out.push({ role: "user", content: pending });
    pending = [];
  }
}

/** Adds the messages of one answer to a conversation. Returns the results that come after its last block. */
function expandedAnswer(message: JsonFields, tools: ModelTools, out: unknown[]): JsonFields[] {
  const content = objectsIn(message["content"]);
  const answered = new Set(
    content.flatMap((block) => (block["type"] === "mcp_tool_result" ? [block["tool_use_id"]] : [])),
  );
  const ours = new Set(
    content.flatMap((block) => (isCallOf(block, tools) && answered.has(block["id"]) ? [block["id"]] : [])),
  );
  let blocks: JsonFields[] = [];
  let results: JsonFields[] = [];
  for (const block of content) {
    if (block["type"] === "mcp_tool_result" && ours.has(block["tool_use_id"])) {
      const text = objectsIn(block["content"]).map((part) => textIn(part["text"]));
      const shown = typeof block["content"] === "string" ? block["content"] : text.join("\n");
      results.push(toolResult(textIn(block["tool_use_id"]), shown, block["is_error"] === true));
      continue;
    }
    if (results.length > 0) {
      out.push({ ...message, content: blocks }, { role: "user", content: results });
      blocks = [];
      results = [];
    }
    if (!isCallOf(block, tools)) blocks.push(block);
    else if (ours.has(block["id"])) {
      const { server_name: _, ...call } = block;
      blocks.push({ ...call, type: "tool_use", name: tools.modelName(textIn(block["name"])) });
    }
  }
  if (blocks.length > 0) out.push({ ...message, content: blocks });
  return results;
}
