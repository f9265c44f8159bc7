import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import {
  description,
  dialect,
  MCPCTL_TOKEN,
  MCPCTL_URL,
  MODEL,
  OTHER_MODEL,
  parameters,
  picture,
  QUESTION,
  readFile,
  scenario,
  secondQuestion,
} from "./read-file.mjs";

const openai = createOpenAI({ baseURL: `${MCPCTL_URL}/v1`, apiKey: MCPCTL_TOKEN });
const anthropic = createAnthropic({ baseURL: `${MCPCTL_URL}/v1`, authToken: MCPCTL_TOKEN });
const modelNamed = (name) =>
  dialect === "messages" ? anthropic(name) : dialect === "chat" ? openai.chat(name) : openai.responses(name);

const content = [{ type: "text", text: QUESTION }];
if (scenario === "image") content.push({ type: "file", data: picture(), mediaType: "image/png" });
const messages = [{ role: "user", content }];
const settings = {
  tools: { read_file: tool({ description, inputSchema: jsonSchema(parameters), execute: readFile }) },
  stopWhen: stepCountIs(4),
  maxRetries: 0,
};

if (scenario === "cancel") {
  const abort = new AbortController();
  const { textStream } = streamText({
    model: modelNamed(MODEL),
    messages,
    ...settings,
    abortSignal: abort.signal,
  });
  for await (const _ of textStream) break;
  abort.abort();
  process.exit(0);
}
const first = await generateText({ model: modelNamed(MODEL), messages, ...settings });
console.log(first.text);
if (scenario === "switch") {
  const history = [...messages, ...first.response.messages, { role: "user", content: secondQuestion }];
  const second = await generateText({ model: modelNamed(OTHER_MODEL), messages: history, ...settings });
  console.log(second.text);
}
