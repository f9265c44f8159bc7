import { must, type TestServer } from "../server.ts";
import type { Connection, Seen } from "../upstream.ts";

/** Text that becomes an element and runs, if somebody makes markup of it. */
export const hostile = `"><img class="pwned" src="x" onerror="window.pwned=1"><script>window.pwned=1</script>'{{7*7}}`;

/** An answer in Markdown that tries everything. */
const answer = `**bold** ${hostile}

<iframe src="https://example.org/"></iframe><svg onload="window.pwned=1"></svg><form action="https://example.org/"><input name="x"></form>
<style>body{display:none}</style><p id="app" class="note" style="position:fixed">over the page</p>

![picture](https://example.org/track.png) [bad](javascript:window.pwned=1) [good](https://example.org/)
`;

/** A provider whose models answer with markup, streamed or not, and whose error is markup, too. */
export function chatAnswer({ path, body }: Seen, connection: Connection): void {
  if (path.endsWith("/models"))
    return json(connection, { object: "list", data: [{ id: "m", object: "model" }] });
  if (body?.model === "broken")
    return json(connection, { error: { message: hostile, type: "server_error" } }, "500 Oops");
  const usage = { prompt_tokens: 12, completion_tokens: 60, total_tokens: 72 };
  if (!body?.stream)
    return json(connection, {
      id: "c",
      object: "chat.completion",
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" }],
      usage,
    });
  const chunk = (more: object) =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "m", choices: [], ...more })}\n\n`;
  const pieces = answer
    .match(/[\s\S]{1,20}/g)!
    .map((content) => chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }));
  const end = chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) + chunk({ usage });
  connection.end(
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${pieces.join("")}${end}data: [DONE]\n\n`,
  );
}

function json(connection: Connection, value: object, status = "200 OK"): void {
  const text = JSON.stringify(value);
  connection.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}

/** Fills a server with objects that have markup in every field that takes texts, and makes a user `root` for them. */
export async function hostileCatalogue({ admin, user }: TestServer, url: string): Promise<void> {
  const create = (plural: string, body: object) => must(admin("POST", `/api/v1/${plural}`, body));
  await user("root", [
    { role: "edit", resource: "*" },
    { role: "run", resource: "*" },
    { role: "expose", resource: "*" },
  ]);
  await create("users", { name: "eve", displayName: hostile, limits: { tokensPerDay: 1 } });
  await create("groups", { name: "friends", members: ["eve"] });
  await create("secrets", { name: "key", data: { "api-key": "sk-never-shown" } });
  const llm = {
    type: "openai",
    model: hostile.slice(0, 200),
    url,
    description: hostile,
    extraConfig: { note: hostile },
  };
  await create("llms", { name: "gpt", ...llm, apiKeyRef: { name: "key", key: "api-key" } });
  await create("llms?probe=false", { name: "broken", ...llm, model: "broken" });
  await create("agents", { name: "helper", llm: "gpt", description: hostile, systemPrompt: hostile });
  // Nothing is at its address: an instance would change its state while a picture of it is taken.
  await create("servers", { name: "files", url: `${url}/mcp`, description: hostile, replicas: 0 });
  await create("projects", {
    name: "website",
    description: hostile,
    prompt: hostile,
    servers: ["files"],
    traffic: "full",
  });
  await create("prompts", {
    name: "style",
    project: "website",
    content: "Write short sentences.",
    description: hostile,
  });
  await create("promptrequests", { name: "style", project: "website", content: hostile, reason: hostile });
  await create("tokens", {
    name: "laptop",
    description: hostile,
    roleBindings: [{ role: "run", resource: "llms" }],
  });
  const body = { model: "broken", messages: [{ role: "user", content: hostile }] };
  await admin("POST", "/v1/chat/completions", body);
  await must(admin("POST", "/v1/chat/completions", { ...body, model: "gpt" }));
}
