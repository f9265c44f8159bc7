import {
  Agent,
  OpenAIProvider,
  Runner,
  setDefaultModelProvider,
  setTracingDisabled,
  tool,
} from "@openai/agents";
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

setTracingDisabled(true);
const useResponses = dialect === "responses";
setDefaultModelProvider(
  new OpenAIProvider({ baseURL: `${MCPCTL_URL}/v1`, apiKey: MCPCTL_TOKEN, useResponses }),
);
const agent = (model) =>
  new Agent({
    name: "reader",
    model,
    modelSettings: { store: false },
    tools: [tool({ name: "read_file", description, parameters, strict: true, execute: readFile })],
  });

const content = [{ type: "input_text", text: QUESTION }];
if (scenario === "image") content.push({ type: "input_image", image: `data:image/png;base64,${picture()}` });
const runner = new Runner();
const result = await runner.run(agent(MODEL), [{ role: "user", content }]);
console.log(result.finalOutput);
if (scenario === "switch") {
  const history = [...result.history, { role: "user", content: secondQuestion }];
  console.log((await runner.run(agent(OTHER_MODEL), history)).finalOutput);
}
