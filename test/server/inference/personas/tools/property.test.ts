import fc from "fast-check";
import { expect, it } from "vitest";
import { scriptedModel, type Turn } from "./scripted-model.ts";
import { llmOf, model, question, said, withTools } from "./setup.ts";

const parameters = { type: "object" as const, properties: {} };

/** A call of a tool of the project, which returns its mark or fails, or of the caller's own tool. */
const call = fc.record({
  name: fc.constantFrom("tell", "tell", "fail", "look"),
  broken: fc.integer({ max: 9, min: 0 }),
});
const turn = fc.record({
  text: fc.option(fc.constantFrom("Let me see.", "Grüße 😀", "{}"), { nil: undefined }),
  calls: fc.array(call, { maxLength: 4 }),
});

/** The outcome: the calls that are made, and the texts and own calls that the caller gets. */
function expectedOf(turns: readonly Turn[]) {
  const made: string[] = [];
  const texts: string[] = [];
  for (const { text, calls = [] } of turns) {
    if (text !== undefined) texts.push(text);
    const own = calls.filter(({ name }) => name === "look");
    made.push(...calls.flatMap(({ name, args, id }) => (name === "look" || args === "{" ? [] : [id!])));
    if (own.length > 0 || calls.length === 0) return { made, texts, own: own.map(({ id }) => id!) };
  }
  return { made, texts, own: [] };
}

it("calls each tool once, loses nothing and ends, whatever a model does: in all dialects, whole and streamed", async () => {
  let turns: Turn[] = [];
  let at = 0;
  const made: string[] = [];
  const tool = ({ params }: { params: { name: string; arguments: { id: string } } }) => {
    made.push(params.arguments.id);
    return { ...said(`of ${params.arguments.id}`), ...(params.name === "fail" && { isError: true }) };
  };
  const server = await withTools({
    // biome-ignore lint/suspicious/noExplicitAny: scripts answer any call
    tools: { tell: tool as any, fail: tool as any },
    script: (request, connection) => scriptedModel(() => turns[at++] ?? { text: "end" })(request, connection),
  });
  for (const [name, llm] of Object.entries({
    "for-messages": llmOf.messages,
    "for-responses": llmOf.responses,
  })) {
    const fields = { name, model: "up", url: server.provider.url, ...llm };
    expect((await server.admin("POST", "/api/v1/llms?probe=false", fields)).status).toBe(201);
    const agent = { name, llm: name, project: "p" };
    expect((await server.admin("POST", "/api/v1/agents", agent)).status).toBe(201);
  }
  const { openai, anthropic } = server;
  const callers = {
    chat: async (name: string, streamed: boolean) => {
      const tools = [{ type: "function" as const, function: { name: "look", parameters } }];
      const request = { model: name, messages: [question], tools };
      const { choices } = streamed
        ? await openai.chat.completions.stream(request).finalChatCompletion()
        : await openai.chat.completions.create(request);
      // biome-ignore lint/suspicious/noExplicitAny: a field that is not OpenAI's
      const { content, tool_calls = [], executed_tools = [] } = choices[0]!.message as any;
      return {
        text: (content ?? "").replaceAll("\n\n", ""),
        own: (tool_calls as { id: string }[]).map(({ id }) => id),
        results: (executed_tools as { output: string }[]).map(({ output }) => output),
      };
    },
    messages: async (name: string, streamed: boolean) => {
      const request = {
        model: name,
        max_tokens: 99,
        messages: [question],
        tools: [{ name: "look", input_schema: parameters }],
      };
      const { content } = streamed
        ? await anthropic.beta.messages.stream(request).finalMessage()
        : await anthropic.beta.messages.create(request);
      return {
        text: content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join(""),
        own: content.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])),
        results: content.flatMap((block) =>
          block.type === "mcp_tool_result" ? [(block.content as { text: string }[])[0]!.text] : [],
        ),
      };
    },
    responses: async (name: string, streamed: boolean) => {
      const tools = [{ type: "function" as const, name: "look", parameters, strict: false }];
      const request = { model: name, input: "hi", tools };
      const { output, output_text: text } = streamed
        ? await openai.responses.stream(request).finalResponse()
        : await openai.responses.create(request);
      return {
        text,
        own: output.flatMap((item) => (item.type === "function_call" ? [item.call_id] : [])),
        // biome-ignore lint/suspicious/noExplicitAny: the error has several forms
        results: output.flatMap((item: any) =>
          item.type === "mcp_call" ? [item.output ?? item.error.content[0].text] : [],
        ),
      };
    },
  };
  const models = [model, "agent:for-messages", "agent:for-responses"];
  await fc.assert(
    fc.asyncProperty(
      fc.array(turn, { maxLength: 5 }),
      fc.constantFrom(...(Object.keys(callers) as (keyof typeof callers)[])),
      fc.constantFrom(...models),
      fc.boolean(),
      async (rounds, dialect, name, streamed) => {
        const isText = name === model && dialect !== "messages";
        turns = rounds.map(({ text, calls }, round) => ({
          ...(text !== undefined && { text }),
          calls: calls.map(({ name: of, broken }, i) => {
            const id = `call_${round}_${i}`;
            // Only dialects with arguments as text can break them.
            return { name: of, id, args: broken === 0 && isText && of !== "look" ? "{" : { id } };
          }),
        }));
        turns.push({ text: "end" });
        at = 0;
        made.length = 0;
        const expected = expectedOf(turns);
        const answer = await callers[dialect](name, streamed);
        expect([...made].sort()).toEqual([...expected.made].sort());
        // A translation puts a mark before ids.
        const own = answer.own.map((id) => id.slice(id.indexOf("call_")));
        expect(own.sort()).toEqual(expected.own.sort());
        expect(answer.text).toBe(expected.texts.join(""));
        const results = answer.results.filter((text) => text.startsWith("of "));
        expect(results.sort()).toEqual(expected.made.map((id) => `of ${id}`).sort());
      },
    ),
    { numRuns: 25 },
  );
});
