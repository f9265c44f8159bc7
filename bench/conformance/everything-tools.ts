import {
  acceptedContent,
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type RequestStateCodec,
  type ServerContext,
  type Tool,
} from "@modelcontextprotocol/server";
import { choices, defaults } from "./everything-forms.ts";
import { png, wav } from "./everything-resources.ts";
import { schema2020 } from "./everything-schema.ts";

/** Arguments of a tool. */
type Given = Record<string, unknown>;
type States = RequestStateCodec<{ round: number; name?: string }>;
type Run = (given: Given, context: ServerContext, states: States) => Result | Promise<Result>;
type Form = ElicitRequestFormParams["requestedSchema"];
type FieldSchema = Form["properties"][string];
type Result = CallToolResult | InputRequiredResult;

const said = (text: string): CallToolResult => ({ content: [{ type: "text", text }] });
const image = { type: "image" as const, data: png, mimeType: "image/png" };
const embedded = {
  type: "resource" as const,
  resource: { uri: "test://embedded-resource", mimeType: "text/plain", text: "embedded" },
};

/** A form with one field. */
const oneField = (field: string, schema: FieldSchema = { type: "string" }): Form => ({
  type: "object",
  properties: { [field]: schema },
  required: [field],
});

/** A question with one field. */
export const elicit = (message: string, field: string, schema?: FieldSchema) =>
  inputRequired.elicit({ message, requestedSchema: oneField(field, schema) });

const sample = (text: string) =>
  inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text } }],
    maxTokens: 100,
  });

/** Asks for a form once, and says what was answered. */
const form =
  (requestedSchema: Form): Run =>
  (_given, { mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, "form");
    if (answer.kind === "elicit") return said(`${answer.action}: ${JSON.stringify(answer.content ?? {})}`);
    return inputRequired({
      inputRequests: { form: inputRequired.elicit({ message: "Please fill this in", requestedSchema }) },
    });
  };

/** Asks for a completion once, and says what came. */
const completion: Run = ({ prompt = "The capital of France?" }, { mcpReq }) => {
  const answer = inputResponse(mcpReq.inputResponses, "sample");
  if (answer.kind === "sampling") return said(JSON.stringify(answer.result.content));
  return inputRequired({ inputRequests: { sample: sample(String(prompt)) } });
};

/** Asks for a confirmation with a sealed state. */
const confirmed =
  (word: string): Run =>
  async (_given, { mcpReq }, states) => {
    if (mcpReq.requestState() && acceptedContent(mcpReq.inputResponses, "confirm")) return said(word);
    return inputRequired({
      inputRequests: { confirm: elicit("Go on?", "ok", { type: "boolean" }) },
      requestState: await states.mint({ round: 1 }),
    });
  };

const runs: Record<string, Run> = {
  test_simple_text: () => said("A simple text."),
  test_image_content: () => ({ content: [image] }),
  test_audio_content: () => ({ content: [{ type: "audio", data: wav, mimeType: "audio/wav" }] }),
  test_embedded_resource: () => ({ content: [embedded] }),
  test_multiple_content_types: () => ({ content: [{ type: "text", text: "Three kinds:" }, image, embedded] }),
  test_error_handling: () => ({ ...said("This tool always fails."), isError: true }),
  async test_tool_with_logging(_given, { mcpReq }) {
    for (const step of ["started", "under way", "completed"]) {
      await mcpReq.log("info", `Tool execution ${step}`);
      await Bun.sleep(20);
    }
    return said("logged");
  },
  async test_tool_with_progress(_given, { mcpReq }) {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
      await mcpReq.notify({
        method: "notifications/progress",
        params: { progressToken, progress, total: 100 },
      });
      await Bun.sleep(20);
    }
    return said("done");
  },
  test_sampling: completion,
  test_elicitation: form(oneField("response")),
  test_elicitation_sep1034_defaults: form(defaults),
  test_elicitation_sep1330_enums: form(choices),
  json_schema_2020_12_tool: (given) => said(JSON.stringify(given)),
  test_header_tool: (given) => said(JSON.stringify(given)),

  // The suite asks this of clients of 2026-07-28 alone.
  test_missing_capability: completion,
  test_streaming_elicitation: form(oneField("name")),
  async test_logging_tool(_given, { mcpReq }) {
    await mcpReq.log("info", "a line");
    return said("logged");
  },
  test_trigger_tool_change: () => said("changed"),
  test_trigger_prompt_change: () => said("changed"),
  test_input_required_result_elicitation(_given, { mcpReq }) {
    const answer = acceptedContent(mcpReq.inputResponses, "user_name");
    if (typeof answer?.["name"] === "string") return said(`Hello, ${answer["name"]}!`);
    return inputRequired({ inputRequests: { user_name: elicit("What is your name?", "name") } });
  },
  test_input_required_result_sampling: completion,
  test_input_required_result_list_roots(_given, { mcpReq }) {
    const answer = inputResponse(mcpReq.inputResponses, "roots");
    if (answer.kind === "roots") return said(`${answer.roots.length} roots`);
    return inputRequired({ inputRequests: { roots: inputRequired.listRoots() } });
  },
  test_input_required_result_request_state: confirmed("state-ok"),
  test_input_required_result_tampered_state: confirmed("integrity-ok"),
  async test_input_required_result_multiple_inputs(
    _given,
    { mcpReq: { inputResponses, requestState } },
    states,
  ) {
    if (requestState() && inputResponses) return said(`answered: ${Object.keys(inputResponses).join(", ")}`);
    return inputRequired({
      inputRequests: {
        user_name: elicit("What is your name?", "name"),
        greeting: sample("Say hello"),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await states.mint({ round: 1 }),
    });
  },
  async test_input_required_result_multi_round(_given, { mcpReq: { inputResponses, requestState } }, states) {
    const state = requestState<{ round: number; name?: string }>();
    const ask = async (round: number, field: string, name?: string) =>
      inputRequired({
        inputRequests: { [`step${round}`]: elicit(`Your ${field}?`, field) },
        requestState: await states.mint({ round, ...(name && { name }) }),
      });
    if (!state) return ask(1, "name");
    const answer = acceptedContent<Record<string, string>>(inputResponses, `step${state.round}`);
    if (state.round === 1) return ask(2, "color", answer?.["name"]);
    return said(`${state.name} likes ${answer?.["color"]}`);
  },
  test_input_required_result_capabilities(_given, { mcpReq: { inputResponses, envelope } }) {
    if (inputResponses) return said(`answered: ${Object.keys(inputResponses).join(", ")}`);
    const can = (envelope as Partial<Record<string, ClientCapabilities>> | undefined)?.[
      CLIENT_CAPABILITIES_META_KEY
    ];
    const inputRequests = {
      ...(can?.elicitation && { question: elicit("A value?", "value") }),
      ...(can?.sampling && { sample: sample("Hello?") }),
    };
    return Object.keys(inputRequests).length > 0 ? inputRequired({ inputRequests }) : said("nothing to ask");
  },
};

/** Schemas of the arguments of the tools that take some. */
const schemas: Record<string, Tool["inputSchema"]> = {
  test_sampling: { type: "object", properties: { prompt: { type: "string" } }, required: ["prompt"] },
  test_elicitation: { type: "object", properties: { message: { type: "string" } }, required: ["message"] },
  json_schema_2020_12_tool: schema2020,
  test_header_tool: { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } },
};

export const tools: Tool[] = Object.keys(runs).map((name) => ({
  name,
  description: `The tool ${name} of the conformance suite`,
  inputSchema: schemas[name] ?? { type: "object", properties: {} },
}));

/** Runs a tool. */
export function callTool(
  name: string,
  given: Given,
  context: ServerContext,
  states: States,
): Result | Promise<Result> {
  const run = runs[name];
  return run ? run(given, context, states) : { ...said(`there is no tool ${name}`), isError: true };
}
