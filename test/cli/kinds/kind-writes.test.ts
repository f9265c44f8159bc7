import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { fakeApi, rows } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

vi.mock("../../../src/kinds/index.ts", async (original) => {
  const { fakeKind, withKinds } = await import("../../support/fake-kind.ts");
  return withKinds(await original(), fakeKind("gadget", ["delete"]), fakeKind("reading", []));
});

async function complete(...words: string[]): Promise<string[]> {
  const { stdout } = await cli(["__complete", "--", ...words]);
  return stdout.split("\n").map((line) => line.split("\t")[0]!);
}

describe("a kind whose descriptor leaves writes out", () => {
  it.each([
    ["create reading one", "readings cannot be created"],
    ["create gadget/one --force", "gadgets cannot be created"],
    ["edit reading one", "readings cannot be changed"],
    ["patch reading one color=blue", "readings cannot be changed"],
    ["delete reading one", "readings cannot be deleted"],
    ["delete llm/claude reading/one", "readings cannot be deleted"],
    ["delete readings --all", "readings cannot be deleted"],
  ])("is refused by mcpctl %s before anything is written", async (line, error) => {
    const server = fakeApi({ "GET /api/v1/readings": rows("reading", { name: "one" }) });
    const { code, stdout, stderr } = await cli(line, { server });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^error: ${error}\nhint: .*mcpctl get (gadget|reading)s`));
    expect(server.requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
  });

  it("is refused by mcpctl apply, and nothing else in the manifest is applied", async () => {
    const home = newHome();
    const manifest = "kind: project\nname: website\n---\nkind: gadget\nname: one\n";
    writeFileSync(join(home, "m.yaml"), manifest);
    const server = fakeApi({});
    const { code, stderr } = await cli("apply -f m.yaml", { server, home });
    expect(code).toBe(2);
    expect(stderr).toContain("gadgets cannot be created");
    expect(server.requests).toEqual([]);
  });

  it("is described by mcpctl explain as one that the server makes", async () => {
    expect((await cli("explain gadget")).stdout).toContain(
      "The server makes gadgets. Users can only delete them.\n",
    );
    expect((await cli("explain reading")).stdout).toContain(
      "The server makes readings. Users can neither create, change nor delete them.\n",
    );
    expect((await cli("explain llm")).stdout).not.toContain("The server makes");
  });

  it("is deleted where it allows that", async () => {
    const server = fakeApi({ "DELETE /api/v1/gadgets/one": undefined });
    expect(await cli("delete gadget one", { server })).toMatchObject({
      code: 0,
      stdout: "gadget 'one' deleted\n",
    });
  });

  it("is offered by completion only where the verb can be used on it", async () => {
    expect(await complete("get", "")).toEqual(expect.arrayContaining(["gadgets", "readings", "llms"]));
    expect(await complete("delete", "")).toEqual(expect.arrayContaining(["gadgets", "llms"]));
    expect(await complete("delete", "")).not.toContain("readings");
    for (const verb of ["create", "edit", "patch"]) {
      const offered = await complete(verb, "");
      expect(offered).toContain("llms");
      expect(offered).not.toContain("gadgets");
      expect(offered).not.toContain("readings");
    }
  });

  it("has none of its names offered where the verb cannot be used on it", async () => {
    const server = fakeApi({ "GET /api/v1/gadgets": rows("gadget", { name: "one" }) });
    const names = async (verb: string) =>
      (await cli(["__complete", "--", verb, "gadget", ""], { server })).stdout;
    // The server has 150 ms to respond to it, so a busy machine may need several attempts.
    await expect.poll(() => names("delete")).toBe("one\n");
    expect(await names("edit")).toBe("");
  });
});
