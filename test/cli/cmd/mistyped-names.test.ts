import { expect, it } from "vitest";
import { cli, newHome } from "../../support/cli/run-cli.ts";
import { must, testServer } from "../../support/server.ts";

/** Commands with a name that is mistyped by a letter or two: the exit code, what they say, and what they suggest. */
const mistyped: readonly (readonly [line: string, code: number, says: string, suggests: string])[] = [
  ["test llm gtp", 3, 'llm "gtp" not found', 'did you mean "gpt"?'],
  ["test llm agent:helpr", 3, 'agent "helpr" not found', 'did you mean "helper"?'],
  ["test mcp -p websit", 3, 'project "websit" not found', 'did you mean "website"?'],
  ["test gate -p websit", 3, 'project "websit" not found', 'did you mean "website"?'],
  ["run --llm gpt -p websit -- true", 3, 'project "websit" not found', 'did you mean "website"?'],
  ["connect codex -p websit --print", 3, 'project "websit" not found', 'did you mean "website"?'],
  ["passwd alcie", 3, 'user "alcie" not found', 'did you mean "alice"?'],
  ["auth can-i --list --as alcie", 3, 'user "alcie" not found', 'did you mean "alice"?'],
  ["auth can-i run llms --as alcie", 3, 'user "alcie" not found', 'did you mean "alice"?'],
  ["auth can-i view llm/gtp --as alice", 1, 'there is no llm "gtp"', 'did you mean "gpt"?'],
  ["grant alcie run llm/gpt", 3, 'there is no user "alcie"', 'did you mean "alice"?'],
  ["revoke alcie run llm/gpt", 3, 'user "alcie" not found', 'did you mean "alice"?'],
  ["revoke alice run llm/gtp", 3, 'llm "gtp" not found', 'did you mean "gpt"?'],
  ["migrate secrets --from defalt --to x", 3, 'secretbackend "defalt" not found', 'did you mean "default"?'],
  ["migrate secrets --from default --to defualt", 3, 'secretbackend "defualt" not found', '"default"?'],
  ["--context hmoe get llms", 3, 'no context "hmoe"', 'did you mean "home"?'],
  [
    "create llm x --type openai --model m --api-key-ref openai/apikey",
    1,
    'secret "openai" has no key "apikey"',
    'did you mean "api-key"?',
  ],
  [
    "create llm x --type openai --model m --api-key-ref openai/k",
    1,
    'secret "openai" has no key "k"',
    'it has "api-key"',
  ],
  [
    "create server x --url https://mcp.example.org/mcp --header A=secret://openai/apikey",
    1,
    'secret "openai" has no key "apikey"',
    'did you mean "api-key"?',
  ],
  ["chat-llm gpt hi --system-prompt x", 2, "unknown flag --system-prompt", "did you mean --system?"],
];

it("a mistyped name is called unknown, with the nearest one", async () => {
  const server = await testServer();
  const make = (plural: string, body: object) => must(server.admin("POST", `/api/v1/${plural}`, body));
  await make("secrets", { name: "openai", data: { "api-key": "sk-1" } });
  await make("llms", { name: "gpt", type: "openai", model: "m", url: "http://127.0.0.1:9/v1" });
  await make("agents", { name: "helper", llm: "gpt" });
  await make("projects", { name: "website" });
  await server.user("alice");
  const home = newHome();
  await cli("config set-context home --server http://127.0.0.1:9", { home });
  const socket = { url: `unix://${server.socketPath}` };
  const told = [];
  for (const [line, , says, suggests] of mistyped) {
    const options = line.startsWith("--context")
      ? { home }
      : { home, env: { HOME: home, PATH: process.env["PATH"] ?? "" }, server: socket };
    const { code, stderr } = await cli(line, options);
    told.push([
      line,
      code,
      stderr.includes(says) ? says : stderr,
      stderr.includes(suggests) ? suggests : stderr,
    ]);
  }
  expect(told).toEqual(mistyped);
});
