import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { freshFolder, startBinary } from "./support/binary.ts";
import { ollama } from "./support/local-runtimes.ts";
import { fakeBao } from "./support/openbao/fake.ts";
import { keyFileIn } from "./support/sealing.ts";
import { follow } from "./support/transcript.ts";
import {
  chatAnswer,
  chatFrames,
  chunk,
  lastChunk,
  reply,
  type Script,
  streamHead,
  upstream,
} from "./support/upstream.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** A provider that says hello, indented as OpenAI does it. */
const friendly: Script = ({ method, body: asked }, connection) => {
  if (asked?.stream) {
    connection.write(streamHead);
    for (const frame of chatFrames(["Hel", "lo!"], true)) connection.write(chunk(frame));
    return connection.write(lastChunk);
  }
  const body = method === "GET" ? { object: "list", data: [] } : chatAnswer("Hello!");
  connection.write(reply(200, JSON.stringify(body, null, 2)));
};

/** Words that a reader types, and their replacements here: other ports, another provider, the JavaScript runtime that is there. */
function substitutions(serverUrl: string, providerUrl: string, baoUrl = ""): Record<string, string> {
  const desk = ollama("qwen3:8b");
  desk.onCall = friendly;
  return {
    "http://127.0.0.1:11434": desk.url,
    "mcpctl agent discover": `mcpctl agent discover --port ${desk.port}`,
    "mcpctl agent publish": `mcpctl agent publish --port ${desk.port}`,
    "mcpctl agent >": "mcpctl agent --listen none >",
    "https://bao.example.org:8200": baoUrl,
    "http://127.0.0.1:7777": serverUrl,
    "http://10.0.0.5:7777": serverUrl,
    "10.0.0.5": "127.0.0.1",
    "--type openai": `--type openai --url ${providerUrl}`,
    "--type anthropic": `--type anthropic --url ${providerUrl}`,
    "node dist/": `${process.execPath} dist/`,
  };
}

it.skipIf(!Bun.which("curl"))("the README's first five minutes go as they are told", async () => {
  const provider = upstream(friendly);
  const server = await startBinary();
  const key = "sk-readme-0123456789";
  const done = await follow(read("README.md"), {
    home: server.home,
    env: { OPENAI_API_KEY: key },
    substitutions: substitutions(server.url, provider.url),
  });
  expect(done.length).toBeGreaterThan(5);
  for (const { command, shown, came } of done) expect({ command, came }).toEqual({ command, came: shown });
  expect(done.map(({ raw }) => raw).join("")).not.toContain(key);
  const calls = provider.seen.filter(({ method }) => method === "POST");
  expect(calls.map(({ body }) => body.model)).toEqual(Array(3).fill("gpt-5.6-luna"));
  expect(calls.every(({ headers }) => headers["authorization"] === `Bearer ${key}`)).toBe(true);
});

const pages = readdirSync(join(root, "docs")).filter(
  (name) => name.endsWith(".md") && read(`docs/${name}`).includes("```console"),
);

/** The pages go on from where the README ends. */
it.skipIf(!Bun.which("curl")).each(pages)("what docs/%s shows is what happens", async (page) => {
  const provider = upstream(friendly);
  const bao = await fakeBao();
  const server = await startBinary({ args: ["--master-key-file", keyFileIn(freshFolder()).path] });
  const done = await follow(`${read("README.md")}\n${read(`docs/${page}`)}`, {
    home: server.home,
    env: { OPENAI_API_KEY: "sk-readme-0123456789", BAO_ADMIN_TOKEN: bao.token },
    substitutions: substitutions(server.url, provider.url, bao.url),
  });
  for (const { command, shown, came } of done) expect({ command, came }).toEqual({ command, came: shown });
});
