import { AppError } from "../../../../../errors.ts";
import { isObject } from "../../../../../wire/json.ts";
import type { ModelTools } from "../model-tools.ts";
import { type Round, type RoundCall, usageOfAll } from "../round.ts";
import { chatMessages, choiceIn, executedIn, messageIn } from "./chat-answer.ts";
import { chatStream } from "./chat-stream.ts";
import {
  type AnswerContext,
  argumentsText,
  changed,
  type JsonFields,
  objectsIn,
  type ToolDialect,
  textIn,
} from "./tool-dialect.ts";

export const chat: ToolDialect = {
  checkRequest({ n }) {
    if (n === undefined || n === null || n === 1) return;
    const message = "an agent with tools gives one answer: n must be 1";
    throw new AppError("invalid_request", message, { details: [{ path: "/n", message }] });
  },
  ownNames: ({ tools, functions }) => [
    ...objectsIn(tools).flatMap((tool) => namesIn(tool["function"] ?? tool["custom"])),
    ...objectsIn(functions).flatMap(namesIn),
  ],
  prepared(body, tools) {
    const { messages, tools: own, tool_choice: choice } = body;
    const added = [...tools.tools].map(([name, { description, inputSchema: parameters }]) => ({
      type: "function",
      function: { name, ...(description !== undefined && { description }), parameters },
    }));
    const chosen = isObject(choice) && isObject(choice["function"]) ? choice["function"] : {};
    const chosenName = tools.known(chosen["name"]);
    return {
      tools: [...added, ...(Array.isArray(own) ? own : [])],
      ...(chosenName !== undefined && {
        tool_choice: { ...(choice as JsonFields), function: { ...chosen, name: chosenName } },
      }),
      ...(Array.isArray(messages) &&
        messages.some(hasExecuted) && { messages: messages.flatMap((one) => expanded(one, tools)) }),
    };
  },
  keptOf: (answer) => objectsIn(messageIn(answer)["executed_tools"]),
  restored({ messages }, kept) {
    const added = (message: unknown) => {
      const { tool_calls } = isObject(message) ? message : {};
      const [call] = hasExecuted(message) ? [] : objectsIn(tool_calls);
      const executed_tools = call && kept(call["id"]);
      return executed_tools ? { ...(message as JsonFields), executed_tools } : message;
    };
    return changed("messages", messages, Array.isArray(messages) ? messages.map(added) : []);
  },
  wantsJson: ({ response_format: format }) => isObject(format) && /^json/.test(textIn(format["type"])),
  callsIn: (answer) =>
    objectsIn(messageIn(answer)["tool_calls"]).map((call) => {
      const called = [call["function"], call["custom"]].find(isObject) ?? {};
      return {
        id: textIn(call["id"]),
        name: textIn(called["name"]),
        text: argumentsText(called["arguments"] ?? called["input"]),
      };
    }),
  isCut: (answer) => /^(?:length|content_filter)$/.test(textIn(choiceIn(answer)["finish_reason"])),
  next: (_, round) => ({ field: "messages", elements: chatMessages(round) }),
  freed: ({ tool_choice: choice }) =>
    choice === undefined || choice === null || choice === "auto" || choice === "none"
      ? {}
      : { tool_choice: "auto" },
  withoutCalls: { tool_choice: "none" },
  whole(rounds, context) {
    const last = rounds.at(-1)!;
    const message = messageIn(last.answer);
    const { tool_calls: calls, ...texts } = message;
    const own = objectsIn(calls).filter((_, at) => last.calls[at]?.tool === undefined);
    const executed = executedIn(rounds, context);
    const usage = usageOfAll(rounds);
    return {
      ...last.answer,
      ...(rounds[0]!.answer["id"] !== undefined && { id: rounds[0]!.answer["id"] }),
      choices: [
        {
          ...choiceIn(last.answer),
          message: {
            ...texts,
            content: contentOf(rounds, context),
            ...(own.length > 0 && { tool_calls: own }),
            ...(executed.length > 0 && { executed_tools: executed }),
          },
        },
      ],
      ...(usage !== undefined && { usage }),
    };
  },
  stream: chatStream,
};

/** Returns the text of all rounds; of the last one alone if it is JSON. */
function contentOf(rounds: readonly Round[], { isJson }: AnswerContext): unknown {
  const contents = rounds.map(({ answer }) => messageIn(answer)["content"]);
  const last = contents.at(-1) ?? null;
  // Mistral sends parts; those of the last round are the answer.
  if (isJson || typeof (last ?? "") !== "string") return last;
  const texts = contents.filter((text) => typeof text === "string" && text !== "");
  return texts.length === 0 ? last : texts.join("\n\n");
}

function namesIn(tool: unknown): string[] {
  return isObject(tool) && typeof tool["name"] === "string" ? [tool["name"]] : [];
}

function hasExecuted(message: unknown): boolean {
  return isObject(message) && Array.isArray(message["executed_tools"]);
}

/** Returns the messages that an answer with calls was: the calls with their results, then the text. */
function expanded(message: unknown, tools: ModelTools): unknown[] {
  if (!hasExecuted(message)) return [message];
  const { executed_tools, ...answer } = message as JsonFields;
  const rounds = new Map<unknown, RoundCall[]>();
  for (const one of objectsIn(executed_tools)) {
    if (typeof one["output"] !== "string") continue;
    const round = rounds.get(one["round"]) ?? [];
    rounds.set(one["round"], round);
    round.push({
      id: textIn(one["id"]),
      name: tools.modelName(textIn(one["name"])),
      text: argumentsText(one["arguments"]),
      result: { text: one["output"], isError: one["is_error"] === true },
    });
  }
  const before = [...rounds.values()].flatMap((calls) => {
    const tool_calls = calls.map(({ name, text }) => ({
      type: "function",
      function: { name, arguments: text },
    }));
    return chatMessages({ answer: { choices: [{ message: { tool_calls } }] }, calls });
  });
  const isEmpty = (answer["content"] ?? "") === "" && objectsIn(answer["tool_calls"]).length === 0;
  return isEmpty ? before : [...before, answer];
}
