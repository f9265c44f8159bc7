import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { binary, cleanEnv, freshFolder } from "./binary.ts";
import { said, scriptedMcp, tool } from "./mcp/http-server.ts";
import { type TestProject, testProject } from "./mcp/project.ts";
import { openPty, type Pty, type PtyProgram } from "./pty.ts";

/** A console that runs in a pseudo-terminal. */
export interface TestConsole extends Pty {
  program: PtyProgram;
}

export interface ConsoleOptions {
  args?: readonly string[];
  env?: Record<string, string>;
  bearer?: string;
  columns?: number;
  rows?: number;
}

/** Starts `mcpctl console p` against a project. */
export function startConsole(
  p: Pick<TestProject, "url" | "bearer">,
  { args = ["p"], env, bearer = p.bearer, columns, rows }: ConsoleOptions = {},
): TestConsole {
  const pty = openPty(columns, rows);
  return { ...pty, program: pty.start([binary, "console", ...args], consoleEnv(p.url, bearer, env)) };
}

/** The environment of a console, with a home of its own. */
export function consoleEnv(
  url: string,
  bearer: string,
  more: Record<string, string> = {},
): Record<string, string> {
  return {
    ...cleanEnv(freshFolder()),
    TERM: "xterm-256color",
    MCPCTL_SERVER: url,
    MCPCTL_TOKEN: bearer,
    ...more,
  };
}

/** Waits until the screen is as in its golden file: what a key does may be drawn in several frames. UPDATE_GOLDEN=1 writes the file. */
export async function expectScreen(name: string, { screen }: Pick<Pty, "screen">): Promise<void> {
  const file = join(import.meta.dirname, "../golden/console", `${name}.txt`);
  const text = () => `${screen().map(steady).join("\n")}\n`;
  if (process.env["UPDATE_GOLDEN"]) {
    await Bun.sleep(500);
    writeFileSync(file, text());
  }
  await expect.poll(text, { message: name }).toBe(readFileSync(file, "utf8"));
}

/** A row without ports, times and ids, which are others each time. Columns stay where they are. */
function steady(row: string): string {
  return row
    .replace(/127\.0\.0\.1:\d+/g, (found) => found.replace(/\d+$/, (port) => "7".repeat(port.length)))
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "2026-11-29T10:00:00.000Z")
    .replace(/\b\d\d:\d\d:\d\d\b/g, "10:00:00")
    .replace(/ +\d+ ms(?= *$)/, (found) => "7 ms".padStart(found.length))
    .replace(/\b\d+ ms\b/g, "7 ms")
    .replace(/durationMs {2}\d+$/, "durationMs  7")
    .replace(/req_[0-9a-f]+/g, "req_0");
}

const schema = {
  type: "object",
  properties: {
    city: { type: "string", description: "The name of a city" },
    days: { type: "integer", description: "How many days", default: 3, minimum: 1 },
    units: { enum: ["metric", "imperial"], description: "The units of the answer" },
    details: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    area: { type: "object", description: "A box on the map" },
  },
  required: ["city"],
};

/** An MCP server with some tools, resources and prompts. */
export function weatherServer() {
  return scriptedMcp("legacy", {
    "tools/list": () => ({
      tools: [
        {
          name: "forecast",
          title: "Weather forecast",
          description: "Return the weather of the next days.\nIt knows cities alone.",
          inputSchema: schema,
          annotations: { readOnlyHint: true },
        },
        { ...tool("fail"), description: "Report an error" },
        { ...tool("wait"), description: "Wait until it is cancelled" },
        { ...tool("ask"), description: "Ask the user for a name" },
        { ...tool("log"), description: "Log a line" },
      ],
    }),
    "resources/list": () => ({
      resources: [
        { uri: "weather://stations", name: "stations", description: "All stations", mimeType: "text/plain" },
      ],
    }),
    "resources/templates/list": () => ({
      resourceTemplates: [{ uriTemplate: "weather://station/{id}", name: "station" }],
    }),
    "resources/read": ({ params }) => ({ contents: [{ uri: params.uri, text: `read ${params.uri}` }] }),
    "prompts/list": () => ({
      prompts: [{ name: "pack", description: "What to pack", arguments: [{ name: "city", required: true }] }],
    }),
    "prompts/get": ({ params }) => ({
      messages: [
        { role: "user", content: { type: "text", text: `What do I pack for ${params.arguments.city}?` } },
      ],
    }),
    "tools/call": async ({ params, signal, notify, ask }) => {
      const { name, arguments: args } = params;
      if (name === "fail") return { isError: true, ...said("no such city") };
      if (name === "log")
        notify("notifications/message", { level: "info", logger: "weather", data: "a line" });
      if (name === "wait") {
        const progressToken = params._meta?.progressToken;
        if (progressToken !== undefined)
          notify("notifications/progress", { progressToken, progress: 1, total: 2, message: "half" });
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
      if (name === "ask") {
        const requestedSchema = {
          type: "object",
          properties: { name: { type: "string" } },
          required: ["name"],
        };
        return said(
          JSON.stringify(await ask("elicitation/create", { message: "Who are you?", requestedSchema })),
        );
      }
      return said(`sunny: ${JSON.stringify(args)}`);
    },
  });
}

/** A project with that server. */
export async function weatherProject(
  spec: object = {},
): Promise<TestProject & { weather: ReturnType<typeof weatherServer> }> {
  const p = await testProject({}, { proxyModel: "none", ...spec });
  const weather = weatherServer();
  await p.attach("weather", weather.url, { sharing: "principal" });
  return { ...p, weather };
}
