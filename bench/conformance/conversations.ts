import type { Client } from "@modelcontextprotocol/client";

/** A call of a tool that the suite asks for. */
interface ToolCall {
  name: string;
  arguments: object;
}

/** All that a client does in one scenario: it sets itself up, connects and calls. */
export type Conversation = (
  client: Client,
  connect: () => Promise<void>,
  toolCalls: readonly ToolCall[],
) => Promise<void>;

/** Lists everything, calls each tool, reads each resource and gets each prompt, or makes the calls that are asked for. */
export const useAll: Conversation = async (client, connect, toolCalls) => {
  await connect();
  const has = client.getServerCapabilities() ?? {};
  const { tools } = await client.listTools();
  for (const call of toolCalls.length > 0
    ? toolCalls
    : tools.map(({ name }) => ({ name, arguments: { a: 2, b: 3 } })))
    await client.callTool({ name: call.name, arguments: { ...call.arguments } });
  if (has.resources)
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
  if (has.prompts)
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
};

/** Lists the tools and calls none. */
const list: Conversation = async (client, connect) => {
  await connect();
  await client.listTools();
};

/** Accepts each question with nothing filled in, so that the defaults count. */
const acceptDefaults: Conversation = async (client, connect, toolCalls) => {
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: {} }));
  await useAll(client, connect, toolCalls);
};

/** Answers questions, and calls another tool before the answer to the first one. */
const answerLater: Conversation = async (client, connect) => {
  client.setRequestHandler("elicitation/create", async () => {
    await client.callTool({ name: "test_mrtr_unrelated", arguments: {} });
    return { action: "accept", content: { confirmed: true } };
  });
  await connect();
  for (const name of ["test_mrtr_echo_state", "test_mrtr_no_state", "test_mrtr_no_result_type"])
    await client.callTool({ name, arguments: {} });
};

/** Sends the schema of a tool back as it arrived. */
const echoSchema: Conversation = async (client, connect) => {
  await connect();
  const { tools } = await client.listTools();
  const schema = tools.find(({ name }) => name === "json_schema_2020_12_tool")?.inputSchema;
  await client.callTool({ name: "json_schema_echo", arguments: { schema } });
};

/** The scenarios in which a client does something else than to use all that there is. */
export const conversations: Readonly<Record<string, Conversation>> = {
  initialize: list,
  "request-metadata": list,
  "json-schema-ref-no-deref": list,
  "elicitation-sep1034-client-defaults": acceptDefaults,
  "sep-2322-client-request-state": answerLater,
  "json-schema-2020-12-preservation": echoSchema,
};
