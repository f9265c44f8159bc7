import { said, scriptedMcp, tool } from "./http-server.ts";
import { type TestProject, testProject } from "./project.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

/** Rows of a table as JSON, about 80 bytes each. */
export function rowsOf(count: number): Json[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    name: `row ${id}`,
    note: "a note on this row, with ä and 👩‍👩‍👧‍👦",
  }));
}

/** The text that the tool `rows` gives. */
export const rowsText = JSON.stringify(rowsOf(600));

const image = { type: "image", data: "aGk=", mimeType: "image/png" };
const promised = { type: "object", properties: { rows: { type: "array" } }, required: ["rows"] };

/** Starts a project with a proxy model and a server whose results are long. */
export async function longProject(
  proxyModel: string,
  spec: object = {},
  options: Parameters<typeof testProject>[0] = {},
): Promise<TestProject & { upstream: ReturnType<typeof scriptedMcp> }> {
  const results: Record<string, (args: Json) => object> = {
    rows: () => said(rowsText),
    echo: (args) => said(JSON.stringify(args)),
    promised: () => ({
      ...said(JSON.stringify({ rows: rowsOf(300) })),
      structuredContent: { rows: rowsOf(300) },
    }),
    failing: () => ({ ...said(rowsText), isError: true }),
    mixed: () => ({
      content: [
        image,
        ...said(rowsText).content,
        { type: "resource", resource: { uri: "file:///a", text: rowsText } },
        image,
      ],
    }),
    paged: (args) => said(`${JSON.stringify(args)} ${"x ".repeat(9000)}`),
    many: ({ count }) => said(JSON.stringify(rowsOf(count))),
    text: ({ text }) => said(text),
  };
  const upstream = scriptedMcp("legacy", {
    "tools/list": () => ({
      tools: [
        tool("echo"),
        tool("failing"),
        tool("many"),
        tool("mixed"),
        { name: "paged", inputSchema: { type: "object", properties: { _page: { type: "integer" } } } },
        tool("promised", { outputSchema: promised }),
        tool("rows"),
        {
          name: "text",
          inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
        },
      ],
    }),
    "tools/call": ({ params }) => results[params.name]!(params.arguments),
    "prompts/list": () => ({ prompts: [{ name: "long" }] }),
    "prompts/get": () => ({
      messages: [
        { role: "user", content: { type: "text", text: "Read this." } },
        { role: "assistant", content: { type: "text", text: rowsText } },
      ],
    }),
    "resources/list": () => ({ resources: [{ uri: "test://long", name: "long" }] }),
    "resources/read": ({ params }) => ({
      contents: [
        { uri: params.uri, mimeType: "application/json", text: rowsText },
        { uri: params.uri, blob: "aGk=" },
      ],
    }),
  });
  const project = await testProject(options, { proxyModel, ...spec });
  await project.attach("s", upstream.url);
  return { ...project, upstream };
}

/** Returns the texts of a result. */
export function textsOf(result: Json): string[] {
  return result.content.flatMap(({ type, text }: Json) => (type === "text" ? [text] : []));
}

/** Returns the arguments by which a notice says that the next part is asked for. */
export function argumentsIn(notice: string): Json {
  const [found] = /\{"_+resultId".*?\}/.exec(notice) ?? [];
  return found === undefined ? undefined : JSON.parse(found);
}
