import { describe, expect, it } from "vitest";
import type { Fault } from "../../../src/errors.ts";
import { parseRegistration } from "../../../src/server/workstations/registration.ts";
import { linkRevisions } from "../../../src/wire/link/revisions/index.ts";

const parse = (server: object) =>
  parseRegistration(
    { providers: [], mcpServers: [{ name: "desk", status: "ready", ...server }] },
    linkRevisions,
  );

/** Returns the paths of the faults of a registration. */
function faults(server: object): string[] {
  try {
    parse(server);
    return [];
  } catch (error) {
    return ((error as { details?: Fault[] }).details ?? []).map(({ path }) =>
      path.replace("/mcpServers/0", ""),
    );
  }
}

describe("an MCP server in a registration", () => {
  it("keeps its definitions as they were sent", () => {
    const tool = { name: "it", inputSchema: { type: "object" }, "x-own": [1] };
    const [server] = parse({
      listing: { tools: [tool], instructions: "use it", protocol: "2025-11-25" },
    }).servers;
    expect(server).toMatchObject({
      name: "desk",
      visibility: "private",
      reported: "ready",
      protocol: "2025-11-25",
      lists: { tools: [tool], prompts: [], resources: [], resourceTemplates: [], instructions: "use it" },
    });
  });

  it("names no program: such fields are passed over", () => {
    const [server] = parse({ command: ["sh"], url: "http://x", env: [], sandbox: "none" }).servers;
    expect(server!.given).toEqual({});
  });

  it.each([
    [{ status: "running" }, "/status"],
    [{ name: "Not A Name" }, "/name"],
    [{ source: 1 }, "/source"],
    [{ source: "x".repeat(201) }, "/source"],
    [{ listing: [] }, "/listing"],
    [{ listing: { tools: {} } }, "/listing/tools"],
    [{ listing: { tools: [{ name: "" }] } }, "/listing/tools"],
    [{ listing: { tools: [{ name: "a\0" }] } }, "/listing/tools"],
    [{ listing: { tools: ["it"] } }, "/listing/tools"],
    [{ listing: { resources: [{ name: "no uri" }] } }, "/listing/resources"],
    [{ listing: { tools: Array.from({ length: 2001 }, () => ({ name: "a" })) } }, "/listing/tools"],
    [{ listing: { tools: [{ name: "a", description: "x".repeat(1024 * 1024) }] } }, "/listing"],
    [{ listing: { instructions: "x".repeat(100_001) } }, "/listing/instructions"],
    [{ listing: JSON.parse('{"tools":[{"name":"a","__proto__":{}}]}') }, "/listing/tools/0/__proto__"],
  ])("is refused with the path of the fault: %.60j (T185)", (server, path) => {
    expect(faults(server)).toContain(path);
  });
});
