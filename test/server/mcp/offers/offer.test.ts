import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import type { ProjectRow } from "../../../../src/server/core/store/typed-rows.ts";
import type { Row } from "../../../../src/server/core/store/types.ts";
import { offerOf } from "../../../../src/server/mcp/offers/offer.ts";

interface ServerSetup {
  name: string;
  tools?: (string | object)[];
  resources?: string[];
  prompts?: string[];
  prefix?: string;
  rules?: object;
  status?: object;
  spec?: object;
}

const project = row("project", "p", "", { prompt: "", sampling: "client" }) as Row & ProjectRow;

function row(kind: string, name: string, scope: string, spec: object, status: object = {}): Row {
  return {
    id: `${kind}-${name}`,
    kind,
    name,
    scope,
    owner: null,
    visibility: "public",
    spec,
    status,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
  } as unknown as Row;
}

/** The offer of a project with servers, in the order of attaching. */
function offer(servers: readonly ServerSetup[]) {
  const rows = servers.flatMap(
    ({ name, tools = [], resources = [], prompts = [], prefix, rules, status, spec }, i) => [
      row(
        "server",
        name,
        "",
        { toolChanges: "approve", ...spec },
        {
          tools: tools.map((tool) =>
            typeof tool === "string" ? { name: tool, inputSchema: { type: "object" } } : tool,
          ),
          resources: resources.map((uri) => ({ uri, name: uri })),
          prompts: prompts.map((one) => ({ name: one })),
          ...status,
        },
      ),
      row(
        "serverattachment",
        name,
        "p",
        { project: "p", ...(prefix && { prefix }), ...(rules && { tools: rules }) },
        { position: i + 1 },
      ),
    ],
  );
  return offerOf(snapshotOf([project, ...rows]), project);
}

function snapshotOf(rows: Row[]): Snapshot {
  return new Snapshot({
    revision: 1,
    rows,
    refs: [],
    bearers: [],
    sessions: [],
    withPassword: [],
    lastUsed: [],
  });
}

describe("the names of tools", () => {
  it("stay as they are, and get the server's name before them where an earlier server has the same", () => {
    const { tools } = offer([
      { name: "a", tools: ["read", "list"] },
      { name: "b", tools: ["read"] },
      { name: "c", tools: ["read", "write"], prefix: "third" },
    ]);
    expect([...tools].map(([name, { server, original }]) => [name, server.name, original])).toEqual([
      ["b_read", "b", "read"],
      ["list", "a", "list"],
      ["read", "a", "read"],
      ["third_read", "c", "read"],
      ["write", "c", "write"],
    ]);
    expect(tools.get("b_read")!.definition).toEqual({ name: "b_read", inputSchema: { type: "object" } });
  });

  it("are 1 to 64 characters that clients accept, with a hash where a name had to change", () => {
    const { tools } = offer([
      { name: "a", tools: ["x".repeat(100), `${"x".repeat(100)}y`, "mail senden/über"] },
    ]);
    for (const name of tools.keys()) expect(name).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
    expect(tools.size).toBe(3);
    expect(tools.get([...tools.keys()].find((name) => name.startsWith("mail"))!)!.original).toBe(
      "mail senden/über",
    );
  });

  it("are unique, valid, and never change because another server is attached later", () => {
    const name = fc.oneof(
      fc.constantFrom("read", "a_read", "b_read", "a_read_2", "x".repeat(64), "x".repeat(65)),
      fc.string({ minLength: 1, maxLength: 80 }),
    );
    const setups = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom("a", "b", "c", "a_read"),
        tools: fc.uniqueArray(name, { maxLength: 6 }),
      }),
      { selector: (one) => one.name, minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(setups, (servers) => {
        const named = (list: readonly ServerSetup[]) =>
          [...offer(list).tools].map(([offered, { server, original }]) =>
            [server.name, original, offered].join("\n"),
          );
        const all = named(servers);
        expect(new Set(all.map((one) => one.split("\n").at(-1))).size).toBe(
          servers.flatMap(({ tools }) => tools).length,
        );
        for (const one of offer(servers).tools.keys()) expect(one).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
        expect(all).toEqual(expect.arrayContaining(named(servers.slice(0, -1))));
      }),
      { numRuns: 200 },
    );
  });

  it("stay with their server while it fails or waits for approval, and are free where a rule denies the tool (T169)", () => {
    const b = { name: "b", tools: ["read"] };
    const names = (a: Partial<ServerSetup>) => [
      ...offer([{ name: "a", tools: ["read"], ...a }, b]).tools.keys(),
    ];
    expect(names({ status: { state: "failed" } })).toEqual(["b_read"]);
    expect(names({ status: { baseline: { "tool/read": { hash: "x", definition: {} } } } })).toEqual([
      "b_read",
    ]);
    expect(names({ tools: [{ name: "read", inputSchema: 5 }] })).toEqual(["b_read"]);
    expect(names({ rules: { deny: ["read"] } })).toEqual(["read"]);
  });
});

describe("tools that are not offered", () => {
  const reasons = (setup: Partial<ServerSetup>) =>
    offer([{ name: "a", ...setup }]).hidden.map(({ name, reason, detail }) => [
      name,
      reason,
      ...(detail ? [detail] : []),
    ]);

  it("are those that the server or the attachment denies", () => {
    expect(
      reasons({
        tools: ["read_a", "write_a", "x"],
        rules: { allow: ["read_*", "x"] },
        spec: { tools: { deny: ["x"] } },
      }),
    ).toEqual([
      ["write_a", "denied"],
      ["x", "denied"],
    ]);
  });

  it("are those that changed, unless changes are allowed", () => {
    const status = {
      baseline: { "tool/x": { hash: "h", definition: { name: "x" } }, "tool/y": { hash: "h" } },
    };
    expect(reasons({ tools: ["x", "y"], status })).toEqual([["x", "changed"]]);
    expect(reasons({ tools: ["x", "y"], status, spec: { toolChanges: "allow" } })).toEqual([]);
  });

  it("are those that would make clients refuse the list, with what is wrong (T168)", () => {
    let deep: object = { type: "string" };
    for (let i = 0; i < 60; i++) deep = { type: "object", properties: { x: deep } };
    const marked = (schema: object) => ({ type: "object", properties: { a: schema } });
    const schemas: [string, unknown, string][] = [
      ["list", [], "inputSchema is not an object"],
      ["text", { type: "string" }, 'inputSchema is not of the type "object"'],
      ["deep", deep, "inputSchema has more than 40 levels"],
      ["large", { type: "object", description: "x".repeat(300_000) }, "inputSchema is larger than 256 KB"],
      [
        "header",
        marked({ type: "string", "x-mcp-header": "a b" }),
        "a: x-mcp-header is not the name of a header",
      ],
      [
        "number",
        marked({ type: "number", "x-mcp-header": "A" }),
        "a: x-mcp-header needs the type string, integer or boolean",
      ],
      [
        "items",
        marked({ type: "array", items: { type: "string", "x-mcp-header": "A" } }),
        "a: x-mcp-header may only be on a property that is reached through properties",
      ],
    ];
    const tools = [
      ...schemas.map(([name, inputSchema]) => ({ name, inputSchema })),
      { name: "good", inputSchema: marked({ type: "string", "x-mcp-header": "Region" }) },
      // It takes no arguments.
      { name: "none" },
    ];
    expect(reasons({ tools })).toEqual(schemas.map(([name, , detail]) => [name, "invalid", detail]));
    expect([...offer([{ name: "a", tools }]).tools.keys()]).toEqual(["good", "none"]);
  });
});

describe("resources and prompts", () => {
  it("keep their names unless two collide, and are hidden while their server fails", () => {
    const both = offer([
      { name: "a", resources: ["file:///x"], prompts: ["sum"] },
      { name: "b", resources: ["file:///x", "file:///y"], prompts: ["sum"] },
    ]);
    expect([...both.resources.keys()]).toEqual(["file:///x", "file:///y", "mcpctl://b/file:///x"]);
    expect([...both.prompts.keys()]).toEqual(["b_sum", "sum"]);
    const failed = offer([
      { name: "a", resources: ["file:///x"], prompts: ["sum"], status: { state: "failed" } },
      { name: "b", resources: ["file:///x"], prompts: ["sum"] },
    ]);
    expect([...failed.resources.keys()]).toEqual(["mcpctl://b/file:///x"]);
    expect([...failed.prompts.keys()]).toEqual(["b_sum"]);
  });
});

it("is the same object as long as nothing changes that it depends on", () => {
  const server = row("server", "a", "", { toolChanges: "approve" }, { tools: [] });
  const attachment = row("serverattachment", "a", "p", { project: "p" }, { position: 1 });
  const first = offerOf(snapshotOf([project, server, attachment]), project);
  expect(offerOf(snapshotOf([project, server, attachment, row("llm", "x", "", {})]), project)).toBe(first);
  expect(offerOf(snapshotOf([project, { ...server }, attachment]), project)).not.toBe(first);
});
