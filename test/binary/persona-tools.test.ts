import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { expect, it } from "vitest";
import { scriptedModel } from "../server/inference/personas/tools/scripted-model.ts";
import { must, startBinary } from "../support/binary.ts";
import { upstream } from "../support/upstream.ts";

const program = join(import.meta.dirname, "../support/mcp-stdio-server.ts");
const call = { calls: [{ name: "echo", args: { text: "from a real program" } }] };

it("a persona of the compiled program calls a tool of a program for both SDKs, mcpctl chat and MCP clients", async () => {
  const turns = [call, { text: "echoed" }];
  let at = 0;
  const provider = upstream((request, connection) => {
    if (request.method === "GET") return scriptedModel([])(request, connection);
    scriptedModel([turns[at++ % 2]!])(request, connection);
  });
  const server = await startBinary();
  const { run, url } = server;
  await must(run(`create llm gpt --type openai --url ${provider.url} --model up`));
  const command = ["--command", process.execPath, "--command", program, "--sandbox", "none"];
  await must(run(["create", "server", "tools", ...command]));
  await must(run("create agent helper --llm gpt"));
  await must(run("create project demo --server tools --agent helper"));
  await must(run("patch agent helper project=demo"));
  await must(run("wait server/tools --for=status=ready --timeout 60s"));
  const made = await must(
    run("create token caller --bind role:run,resource:projects --bind role:run,resource:agents"),
  );
  const apiKey = made.trim().split("\n").at(-1)!;
  const openai = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
  const anthropic = new Anthropic({ apiKey, baseURL: url, maxRetries: 0 });
  const messages = [{ role: "user" as const, content: "hi" }];
  const model = "agent:helper";

  const chat = await openai.chat.completions.stream({ model, messages }).finalChatCompletion();
  expect(chat.choices[0]!.message).toMatchObject({
    content: "echoed",
    executed_tools: [{ name: "echo", output: "from a real program" }],
  });
  const message = await anthropic.beta.messages.stream({ model, max_tokens: 9, messages }).finalMessage();
  expect(message.content.map(({ type }) => type)).toEqual(["mcp_tool_use", "mcp_tool_result", "text"]);
  const response = await openai.responses.stream({ model, input: "hi" }).finalResponse();
  expect(response.output).toMatchObject([
    { type: "mcp_call", output: "from a real program" },
    { type: "message" },
  ]);
  expect(await must(run(["chat", "helper", "-m", "hi"]))).toBe("echoed\n");
  const reached = await run([
    "test",
    "mcp",
    "-p",
    "demo",
    "--tool",
    "ask_helper",
    "--args",
    '{"message":"hi"}',
  ]);
  expect([reached.code, reached.stdout]).toEqual([0, expect.stringContaining("echoed")]);
  const audit = await must(run("audit --action mcp_call -o json"));
  const tools = (JSON.parse(audit) as { detail: { tool: string } }[]).map(({ detail }) => detail.tool);
  expect(tools.sort()).toEqual(["ask_helper", "echo", "echo", "echo", "echo", "echo"]);
});
