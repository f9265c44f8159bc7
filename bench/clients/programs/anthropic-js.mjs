import Anthropic from "@anthropic-ai/sdk";
import {
  description,
  MCPCTL_TOKEN,
  MCPCTL_URL,
  MODEL,
  modelOf,
  parameters,
  picture,
  QUESTION,
  readFile,
  scenario,
  secondQuestion,
  understood,
} from "./read-file.mjs";

const client = new Anthropic({ baseURL: MCPCTL_URL, authToken: MCPCTL_TOKEN, apiKey: null, maxRetries: 0 });
const tools = [{ name: "read_file", description, input_schema: parameters }];

async function converse() {
  const content = [{ type: "text", text: QUESTION }];
  if (scenario === "image")
    content.push({ type: "image", source: { type: "base64", media_type: "image/png", data: picture() } });
  const messages = [{ role: "user", content }];
  for (let turn = 0; turn < 4; turn++) {
    const stream = client.messages.stream({
      model: modelOf(turn),
      max_tokens: 4000,
      messages,
      tools,
      ...(["thinking", "switch"].includes(scenario) && { thinking: { type: "adaptive" } }),
    });
    if (scenario === "cancel") {
      for await (const _ of stream) break;
      process.exit(0);
    }
    const answer = await stream.finalMessage();
    messages.push({ role: "assistant", content: answer.content });
    console.log(answer.content.map(({ text = "" }) => text).join(""));
    const calls = answer.content.filter(({ type }) => type === "tool_use");
    if (calls.length > 0)
      messages.push({
        role: "user",
        content: calls.map(({ id, input }) => ({
          type: "tool_result",
          tool_use_id: id,
          content: readFile(input),
        })),
      });
    else {
      if (scenario !== "switch" || turn > 1) break;
      messages.push({ role: "user", content: secondQuestion });
    }
  }
}

try {
  if (scenario === "models") {
    for await (const { id } of client.models.list())
      if (id === MODEL && (await client.models.retrieve(MODEL)).id === MODEL) console.log(understood);
  } else if (scenario === "count") {
    const messages = [{ role: "user", content: QUESTION }];
    const { input_tokens } = await client.messages.countTokens({ model: MODEL, messages, tools });
    if (input_tokens > 10) console.log(understood);
  } else await converse();
} catch (error) {
  if (scenario !== "overflow" || !/prompt is too long/i.test(error.message)) throw error;
  console.log(understood);
}
