import { describe, expect, it } from "vitest";
import { builtInProxyModels } from "../../../../src/kinds/proxy-models.ts";
import { stages } from "../../../../src/kinds/stages/index.ts";
import { copiedServer } from "../../../support/copied-server.ts";
import { type Client, must, type TestServer } from "../../../support/server.ts";

const prompts = "/api/v1/prompts";
const requests = "/api/v1/promptrequests";
const url = "https://mcp.example.com/mcp";

/** A server with the projects web and shop, the MCP server files attached to shop, and the persona reviewer. */
const startWithProjects = copiedServer(async ({ admin }) => {
  await must(admin("POST", "/api/v1/servers", { name: "files", url }));
  await must(admin("POST", "/api/v1/projects", { name: "web" }));
  await must(admin("POST", "/api/v1/projects", { name: "shop", servers: ["files"] }));
  await must(admin("POST", "/api/v1/llms?probe=false", { name: "gpt", type: "openai", model: "m" }));
  await must(admin("POST", "/api/v1/agents", { name: "reviewer", llm: "gpt" }));
});

async function withProjects(): Promise<TestServer> {
  return (await startWithProjects()).server;
}

const write = (call: Client, name: string, fields: object) =>
  call("POST", prompts, { name, content: "text", ...fields });
const propose = (call: Client, name: string, project = "web", content = "text") =>
  call("POST", requests, { name, project, content, reason: "I needed it" });
const on = (role: string, resource: string, name?: string) => ({ role, resource, ...(name && { name }) });

describe("prompts", () => {
  it("have names within their project or persona, and belong to one of the two", async () => {
    const { admin } = await withProjects();
    for (const scope of [{ project: "web" }, { project: "shop" }, { agent: "reviewer" }])
      await must(write(admin, "style", scope));
    expect((await write(admin, "style", { agent: "reviewer" })).status).toBe(409);
    expect((await admin("GET", `${prompts}/style`)).status).toBe(409);
    expect((await admin("GET", `${prompts}/style?agent=reviewer`)).body).toMatchObject({ agent: "reviewer" });
    expect((await admin("GET", `${prompts}/style?project=shop`)).body).toMatchObject({
      project: "shop",
      priority: 5,
      status: "ready",
      summary: "text",
      chapters: [],
    });
    for (const scope of [{}, { project: "web", agent: "reviewer" }])
      expect((await write(admin, "lost", scope)).body.details[0].path).toBe("/project");
    expect((await write(admin, "empty", { project: "web", content: " " })).body.details[0].path).toBe(
      "/content",
    );
    expect((await admin("PUT", `${prompts}/style?project=web`, { project: "shop" })).status).toBe(400);
  });

  it("have bounds: 100,000 characters, priorities from 1 to 10, names without dots", async () => {
    const { admin } = await withProjects();
    for (const fields of [
      { content: "x".repeat(1_000_000) },
      { priority: 0 },
      { priority: 11 },
      { priority: 1.5 },
    ])
      expect((await write(admin, "p", { project: "web", ...fields })).status).toBe(400);
    expect((await write(admin, "..", { project: "web" })).body.details[0].path).toBe("/name");
    expect((await write(admin, "p", { project: "../web" })).status).toBe(400);
  });

  it("are deleted with their project or persona", async () => {
    const { admin } = await withProjects();
    await must(write(admin, "style", { project: "web" }));
    await must(write(admin, "style", { agent: "reviewer" }));
    await must(propose(admin, "more"));
    await must(admin("DELETE", "/api/v1/projects/web"));
    await must(admin("DELETE", "/api/v1/agents/reviewer"));
    expect((await admin("GET", prompts)).body).toEqual([]);
    expect((await admin("GET", requests)).body).toEqual([]);
  });

  it("are written by nobody who has no right on the project or may not change the persona (T205)", async () => {
    const server = await withProjects();
    const stranger = await server.user("stranger", [on("edit", "prompts"), on("run", "agents")]);
    for (const scope of [{ project: "web" }, { agent: "reviewer" }])
      expect((await write(stranger.call, "style", scope)).status).toBe(403);
    const runner = await server.user("runner", [on("run", "projects", "web")]);
    expect((await write(runner.call, "style", { project: "web" })).status).toBe(403);
    const writer = await server.user("writer", [on("edit", "prompts"), on("run", "projects", "web")]);
    await must(write(writer.call, "style", { project: "web" }));
    expect((await write(writer.call, "style", { project: "shop" })).status).toBe(403);
    const owner = await server.user("owner", [on("edit", "prompts"), on("edit", "agents")]);
    await must(write(owner.call, "style", { agent: "reviewer" }));
  });

  it("of a private persona exist only for those who may see it", async () => {
    const server = await withProjects();
    const { admin } = server;
    await must(write(admin, "style", { agent: "reviewer" }));
    await must(admin("PUT", "/api/v1/agents/reviewer", { visibility: "private" }));
    const reader = await server.user("reader", [on("view", "prompts")]);
    expect((await reader.call("GET", prompts)).body).toEqual([]);
    expect((await reader.call("GET", `${prompts}/style?agent=reviewer`)).status).toBe(404);
  });
});

describe("links of prompts", () => {
  const link = "shop/files:file:///srv/style.md";

  it("have a state for each reader: by their own right, whoever wrote the prompt (T206)", async () => {
    const server = await withProjects();
    await must(write(server.admin, "style", { project: "web", content: "", link }));
    const reader = await server.user("reader", [on("view", "prompts"), on("run", "projects", "web")]);
    const runner = await server.user("runner", [on("view", "prompts"), on("run", "projects", "shop")]);
    const statusFor = async (call: Client) => (await call("GET", `${prompts}/style`)).body.status;
    expect(await statusFor(reader.call)).toBe("forbidden");
    expect(await statusFor(runner.call)).toBe("unread");
    await must(server.admin("PUT", "/api/v1/projects/shop", { servers: [] }));
    expect([await statusFor(reader.call), await statusFor(runner.call)]).toEqual(["forbidden", "missing"]);
  });

  it("lead to servers that their author sees; a hidden one is none, and others do not read its name (T206)", async () => {
    const server = await withProjects();
    const { admin } = server;
    await must(admin("PUT", "/api/v1/servers/files", { visibility: "private" }));
    const author = await server.user("author", [
      on("edit", "prompts"),
      on("run", "projects", "web"),
      on("run", "projects", "shop"),
    ]);
    const refused = await write(author.call, "style", { project: "web", link });
    const unknown = await write(author.call, "style", { project: "web", link: "shop/none:x" });
    const noProject = await write(author.call, "style", { project: "web", link: "none/files:x" });
    expect([refused.status, refused.body.details[0].message]).toEqual([
      400,
      'there is no server "files" attached to project "shop"',
    ]);
    expect(unknown.body.details[0].message.replace("none", "files")).toBe(refused.body.details[0].message);
    expect(noProject.body.details[0].message.replace('"none"', '"shop"')).toBe(
      refused.body.details[0].message,
    );
    await must(write(admin, "style", { project: "web", link }));
    expect((await author.call("GET", `${prompts}/style`)).body).not.toHaveProperty("link");
    expect((await admin("GET", `${prompts}/style`)).body.link).toBe(link);
  });

  it.each([
    "shop/files",
    "files:x",
    "../files:x",
    "shop/..:x",
    "shop/files:a b",
    "shop/files:a\u0007",
    "a/b/c:x",
  ])("refuse %j", async (bad) => {
    const { admin } = await withProjects();
    expect((await write(admin, "p", { project: "web", link: bad })).body.details[0].path).toBe("/link");
    expect((await write(admin, "p", { agent: "reviewer", link })).body.details[0].path).toBe("/link");
  });
});

describe("promptrequests", () => {
  it("need the right to run the project, and are seen by their proposers and those who decide", async () => {
    const server = await withProjects();
    const user = await server.user("user", [on("run", "projects", "web")]);
    const other = await server.user("other", [on("run", "projects")]);
    const decider = await server.user("decider", [on("edit", "prompts"), on("view", "projects")]);
    const { body } = await must(propose(user.call, "database"));
    expect(body).toMatchObject({ status: "pending", proposedBy: "user", decidedBy: null });
    expect((await propose(user.call, "database", "shop")).status).toBe(403);
    expect((await propose(user.call, "database", "none")).status).toBe(403);
    for (const { call } of [user, decider]) expect((await call("GET", requests)).body).toHaveLength(1);
    expect((await other.call("GET", requests)).body).toEqual([]);
    // One that is there answers like one that is not.
    for (const name of ["database", "nothing"])
      for (const method of ["GET", "DELETE"])
        expect((await other.call(method, `${requests}/${name}`)).status).toBe(404);
    expect((await user.call("PUT", `${requests}/database`, { content: "other" })).status).toBe(403);
    expect((await decider.call("PUT", `${requests}/database`, { content: "other" })).status).toBe(400);
    await must(user.call("DELETE", `${requests}/database`));
  });

  it("make a prompt when somebody with edit on prompts approves them, once", async () => {
    const server = await withProjects();
    const user = await server.user("user", [on("run", "projects", "web")]);
    const decider = await server.user("decider", [on("edit", "prompts"), on("run", "projects", "web")]);
    const { body } = await must(propose(user.call, "database", "web", "Port 5433."));
    expect((await user.call("POST", `${requests}/database/approve`)).status).toBe(403);
    expect((await server.admin("GET", prompts)).body).toEqual([]);
    expect((await must(decider.call("POST", `${requests}/${body.id}/approve`))).body).toEqual({
      name: "database",
      project: "web",
      status: "approved",
    });
    expect((await server.admin("GET", `${prompts}/database`)).body).toMatchObject({
      content: "Port 5433.",
      project: "web",
      owner: "decider",
    });
    expect((await decider.call("POST", `${requests}/database/reject`)).status).toBe(409);
    expect((await user.call("GET", `${requests}/database`)).body).toMatchObject({
      status: "approved",
      decidedBy: "decider",
    });
  });

  it("change a prompt of their name, with a right on that prompt, and keep what they do not say", async () => {
    const server = await withProjects();
    const user = await server.user("user", [on("run", "projects", "web")]);
    await must(write(server.admin, "style", { project: "web", priority: 9, description: "Style" }));
    const decider = await server.user("decider", [
      on("edit", "prompts", "style"),
      on("run", "projects", "web"),
    ]);
    await must(propose(user.call, "style", "web", "new"));
    await must(propose(user.call, "other", "web", "new"));
    await must(decider.call("POST", `${requests}/style/approve`));
    expect((await server.admin("GET", `${prompts}/style`)).body).toMatchObject({
      content: "new",
      priority: 9,
      description: "Style",
    });
    for (const decision of ["approve", "reject"])
      expect((await decider.call("POST", `${requests}/other/${decision}`)).status).toBeOneOf([403, 404]);
  });

  it("make none when they are rejected, and can be proposed again then", async () => {
    const server = await withProjects();
    const user = await server.user("user", [on("run", "projects", "web")]);
    await must(propose(user.call, "database"));
    expect((await propose(user.call, "database")).status).toBe(409);
    await must(server.admin("POST", `${requests}/database/reject?project=web`));
    expect((await server.admin("GET", prompts)).body).toEqual([]);
    await must(propose(user.call, "database", "web", "better"));
    expect((await user.call("GET", requests)).body).toMatchObject([{ status: "pending", content: "better" }]);
  });

  it("of one user are at most 50, of which those that are decided make room", async () => {
    const server = await withProjects();
    const user = await server.user("user", [on("run", "projects", "web")]);
    for (let i = 0; i < 50; i++) await must(propose(user.call, `p${i}`));
    expect((await propose(user.call, "more")).status).toBe(409);
    for (let i = 0; i < 30; i++) await must(server.admin("POST", `${requests}/p${i}/reject`));
    await must(propose(user.call, "more"));
    expect((await user.call("GET", requests)).body).toHaveLength(20 + 20 + 1);
  });
});

describe("proxymodels", () => {
  it("come with mcpctl, for everybody to see, and these cannot be changed or deleted", async () => {
    const server = await withProjects();
    const { call } = await server.user("anybody");
    const names = builtInProxyModels.map(({ name }) => name).sort();
    expect(names).toEqual(["content-pipeline", "default", "gate", "none", "subindex"]);
    expect((await call("GET", "/api/v1/proxymodels")).body.map((one: { name: string }) => one.name)).toEqual(
      names,
    );
    for (const name of names) {
      expect((await server.admin("PUT", `/api/v1/proxymodels/${name}`, { gate: "briefing" })).status).toBe(
        409,
      );
      expect((await server.admin("DELETE", `/api/v1/proxymodels/${name}`)).status).toBe(409);
    }
  });

  it("list stages of known types with their settings", async () => {
    const { admin } = await withProjects();
    const create = (name: string, list: unknown[]) =>
      admin("POST", "/api/v1/proxymodels", { name, gate: "briefing", stages: list });
    await must(
      create("mine", [
        { type: "redact", patterns: ["x"] },
        { type: "paginate", pageBytes: 4096 },
      ]),
    );
    for (const bad of [
      { type: "nothing" },
      {},
      { type: "paginate", pageBytes: 1 },
      { type: "paginate", more: 1 },
      { type: "redact" },
      "paginate",
    ])
      expect((await create("bad", [bad])).status, JSON.stringify(bad)).toBe(400);
    expect(stages.map(({ type }) => type)).toEqual(
      expect.arrayContaining([
        "passthrough",
        "paginate",
        "section-split",
        "summarize-tree",
        "redact",
        "truncate",
      ]),
    );
  });

  it("are used by projects, which name one that there is; one in use is not deleted", async () => {
    const { admin } = await withProjects();
    expect((await admin("PUT", "/api/v1/projects/web", { proxyModel: "mine" })).body.details).toEqual([
      { path: "/proxyModel", message: 'there is no proxymodel "mine"' },
    ]);
    await must(admin("POST", "/api/v1/proxymodels", { name: "mine" }));
    await must(admin("PUT", "/api/v1/projects/web", { proxyModel: "mine" }));
    expect((await admin("DELETE", "/api/v1/proxymodels/mine")).status).toBe(409);
    await must(admin("PUT", "/api/v1/projects/web", { proxyModel: null }));
    expect((await admin("GET", "/api/v1/projects/web")).body.proxyModel).toBe("default");
    await must(admin("DELETE", "/api/v1/proxymodels/mine"));
  });
});
