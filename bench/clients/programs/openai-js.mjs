import OpenAI from "openai";
import {
  description,
  dialect,
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

const client = new OpenAI({ baseURL: `${MCPCTL_URL}/v1`, apiKey: MCPCTL_TOKEN, maxRetries: 0 });
const url = () => `data:image/png;base64,${picture()}`;

async function chat() {
  const content =
    scenario === "image"
      ? [
          { type: "text", text: QUESTION },
          { type: "image_url", image_url: { url: url() } },
        ]
      : QUESTION;
  const messages = [{ role: "user", content }];
  const tools = [{ type: "function", function: { name: "read_file", description, parameters } }];
  for (let turn = 0; turn < 4; turn++) {
    const stream = client.chat.completions.stream({
      model: modelOf(turn),
      messages,
      tools,
      stream_options: { include_usage: true },
    });
    if (scenario === "cancel") await leave(stream);
    const { message } = (await stream.finalChatCompletion()).choices[0];
    messages.push(message);
    console.log(message.content);
    for (const { id, function: call } of message.tool_calls ?? [])
      messages.push({ role: "tool", tool_call_id: id, content: readFile(JSON.parse(call.arguments)) });
    if (!message.tool_calls?.length) {
      if (scenario !== "switch" || turn > 1) break;
      messages.push({ role: "user", content: secondQuestion });
    }
  }
}

async function responses() {
  const content =
    scenario === "image"
      ? [
          { type: "input_text", text: QUESTION },
          { type: "input_image", image_url: url(), detail: "auto" },
        ]
      : QUESTION;
  const input = [{ role: "user", content }];
  const tools = [{ type: "function", name: "read_file", description, parameters, strict: true }];
  for (let turn = 0; turn < 4; turn++) {
    const reasoning = { effort: "medium", summary: "auto" };
    const include = ["reasoning.encrypted_content"];
    const stream = client.responses.stream({
      model: modelOf(turn),
      input,
      tools,
      reasoning,
      include,
      store: false,
    });
    if (scenario === "cancel") await leave(stream);
    const { output, output_text } = await stream.finalResponse();
    input.push(...output.map(({ parsed_arguments: _, ...item }) => item));
    console.log(output_text);
    const calls = output.filter(({ type }) => type === "function_call");
    for (const call of calls)
      input.push({
        type: "function_call_output",
        call_id: call.call_id,
        output: readFile(JSON.parse(call.arguments)),
      });
    if (calls.length === 0) {
      if (scenario !== "switch" || turn > 1) break;
      input.push({ role: "user", content: secondQuestion });
    }
  }
}

async function leave(stream) {
  for await (const _ of stream) break;
  stream.abort();
  process.exit(0);
}

try {
  if (scenario === "models") {
    const { data } = await client.models.list();
    if (data.some(({ id }) => id === MODEL) && (await client.models.retrieve(MODEL)).id === MODEL)
      console.log(understood);
  } else await (dialect === "chat" ? chat() : responses());
} catch (error) {
  if (scenario !== "overflow" || error.code !== "context_length_exceeded") throw error;
  console.log(understood);
}
