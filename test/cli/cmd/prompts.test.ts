import { describe, expect, it } from "vitest";
import { cli as run } from "../../support/cli/run-cli.ts";
import { must, testServer } from "../../support/server.ts";

/** A server with the project web, and a proposal for it. */
async function withProposal() {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/projects", { name: "web" }));
  const content = "Port 5433\u001b[31m.";
  await must(server.admin("POST", "/api/v1/promptrequests", { name: "database", project: "web", content }));
  const cli = (line: string, answers?: string[]) =>
    run(line, { server: { url: `unix://${server.socketPath}` }, ...(answers && { answers }) });
  return { server, cli };
}

describe("approve promptrequest and reject", () => {
  it("show the text on a terminal, and ask", async () => {
    const { cli } = await withProposal();
    const refused = await cli("approve promptrequest database -p web", ["n"]);
    expect([refused.code, refused.prompts]).toEqual([1, ["Approve it? [y/N] "]]);
    expect(refused.stdout).toContain("Proposed by:  admin");
    expect(refused.stdout).toContain("Port 5433\\e[31m.");
    expect((await cli("get prompts -o name")).stdout).toBe("");
    const { code, stdout } = await cli("approve pr/database", ["y"]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("promptrequest 'database' approved\n")]);
    expect((await cli("get prompts -p web -o name")).stdout).toBe("prompt/database\n");
    const again = await cli("approve promptrequest database");
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("is approved already")]);
  });

  it("do not ask off a terminal, and print data with -o json", async () => {
    const { cli } = await withProposal();
    expect((await cli("reject promptrequest database --dry-run")).code).toBe(0);
    const { code, stdout } = await cli("reject promptrequest database -p web -o json");
    expect([code, JSON.parse(stdout)]).toEqual([0, { name: "database", project: "web", status: "rejected" }]);
    expect((await cli("get pr database -o jsonpath={.status}")).stdout).toBe("rejected");
  });

  it("name what is wrong: another kind, an unknown name, a name with dots", async () => {
    const { cli } = await withProposal();
    expect((await cli("approve llm x")).code).toBe(2);
    expect((await cli("reject server x")).code).toBe(2);
    expect((await cli("approve promptrequest databse")).stderr).toContain('did you mean "database"?');
    for (const name of ["..", "../projects/web", "a%2f.."])
      expect((await cli(["reject", "promptrequest", name] as unknown as string)).code).not.toBe(0);
  });
});

describe("prompts as manifests", () => {
  it("are applied, and their export changes nothing", async () => {
    const { cli, server } = await withProposal();
    await must(server.admin("POST", "/api/v1/llms?probe=false", { name: "gpt", type: "openai", model: "m" }));
    await must(server.admin("POST", "/api/v1/agents", { name: "reviewer", llm: "gpt" }));
    const scopes = ["-p web", "--agent reviewer"];
    for (const scope of scopes)
      expect((await cli(`create prompt style ${scope} --content text --priority 7`)).code).toBe(0);
    const exported = await cli("get prompts -o yaml");
    expect(exported.stdout).toContain("agent: reviewer");
    const { writeFileSync } = await import("node:fs");
    const { join } = await import("node:path");
    const file = join(server.folder, "prompts.yaml");
    writeFileSync(file, exported.stdout);
    const applied = await cli(`apply -f ${file}`);
    expect([applied.code, applied.stdout.match(/unchanged/g)]).toEqual([0, ["unchanged", "unchanged"]]);
    expect((await cli(`delete -f ${file} --force`)).code).toBe(0);
    expect((await cli("get prompts -o name")).stdout).toBe("");
    const anew = await cli(`apply -f ${file}`);
    expect([anew.code, anew.stdout.match(/created/g)]).toEqual([0, ["created", "created"]]);
    const described = await cli("describe prompt style -p web");
    expect(described.stdout).toMatch(/^Priority: +7/m);
  });
});

describe("test gate", () => {
  it("prints which prompts would be given, and why", async () => {
    const { cli } = await withProposal();
    expect((await cli("test gate -p web")).stderr).toContain("has no prompts");
    await cli("create prompt database -p web --content text --description migrations");
    await cli("create prompt colours -p web --content text");
    await cli("create prompt always -p web --content text --priority 10");
    const { stdout, code } = await cli(["test", "gate", "-p", "web", "--task", "a migration"] as never);
    expect(code).toBe(0);
    expect(stdout.split("\n").map((line) => line.trimEnd().replace(/ {2,}/g, " | "))).toEqual([
      "PROMPT | GIVEN | SCORE | PRIORITY | BYTES | WHY",
      "always | yes | 0 | 10 | 4 | priority 10: always",
      "database | yes | 15 | 5 | 4 | migration (description): 3 × priority 5",
      "colours | no | 0 | 5 | 4 | no word of the task is in it",
      "",
    ]);
    expect((await cli("test gate -p web --tag database --show")).stdout).toContain("## database\n\ntext");
    expect((await cli("test gate")).code).toBe(2);
    expect((await cli("test gate -p wep")).stderr).toContain('did you mean "web"?');
  });
});

describe("create project", () => {
  it("takes --gated and --no-gated, as the old command line did", async () => {
    const { cli } = await withProposal();
    const model = async (name: string, flags: string) => {
      const { code } = await cli(`create project ${name} ${flags}`);
      return code === 0 ? (await cli(`get project ${name} -o jsonpath={.proxyModel}`)).stdout : code;
    };
    expect(await model("a", "--gated")).toBe("default");
    expect(await model("b", "--no-gated")).toBe("content-pipeline");
    expect(await model("c", "")).toBe("default");
    expect(await model("d", "--gated --no-gated")).toBe(2);
    expect(await model("e", "--no-gated --proxy-model none")).toBe(2);
  });
});
