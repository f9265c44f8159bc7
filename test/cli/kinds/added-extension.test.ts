import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { KindExtension } from "../../../src/cli/kinds/extension.ts";
import { failure, fakeApi, rows } from "../../support/cli/fake-api.ts";
import { type CliOptions, cli, newHome } from "../../support/cli/run-cli.ts";

const gadgets: KindExtension = {
  createArgs: { polish: { type: "boolean", description: "Polish it" }, kit: { type: "boolean" } },
  createQuery: (args): Record<string, string> => (args["polish"] ? { polish: "true" } : {}),
  createSpecially: async (name, args) =>
    args["kit"]
      ? { object: rows("gadget", { name, color: "grey" })[0]!, notes: "Made from a kit.\n" }
      : undefined,
  describe: () => ({ color: [{ title: "Paint", lines: ["two coats"] }] }),
  warnings: () => ["the paint is wet"],
  shownOnce: "serial",
  asStored: (_, fields) => ({ ...fields, color: String(fields["color"]).toLowerCase() }),
};

vi.mock("../../../src/kinds/index.ts", async (original) => {
  const { fakeKind, withKinds } = await import("../../support/fake-kind.ts");
  return withKinds(await original(), fakeKind("gadget"));
});
vi.mock("../../../src/cli/kinds/index.ts", async (original) => {
  const actual = await original<typeof import("../../../src/cli/kinds/index.ts")>();
  return {
    ...actual,
    extensionOf: async (kind: string) => (kind === "gadget" ? gadgets : actual.extensionOf(kind)),
  };
});

const [gadget] = rows("gadget", { name: "one", color: "red" });
const created = { ...gadget, serial: "s-1" };
const server = (more = {}) =>
  fakeApi({ "GET /api/v1/gadgets/one": gadget, "POST /api/v1/gadgets": created, ...more });

function withManifest(color: string): CliOptions & { home: string } {
  const home = newHome();
  writeFileSync(join(home, "m.yaml"), `kind: gadget\nname: one\ncolor: ${color}\n`);
  return { home };
}

describe("a kind with an extension, by the list alone,", () => {
  it("has its own flags and query in create, with warnings and the value that is shown once", async () => {
    const api = server();
    const { stdout, stderr } = await cli("create gadget one --color red --polish", { server: api });
    expect(api.requests).toEqual(["POST /api/v1/gadgets?polish=true"]);
    expect(stdout).toBe(`gadget 'one' created (id: ${gadget!.id})\ns-1\n`);
    expect(stderr).toBe("warning: gadget 'one': the paint is wet\n");
    expect((await cli("create gadget --help")).stdout).toMatch(/--polish +Polish it/);
    expect((await cli("create llm --help")).stdout).not.toContain("--polish");
  });

  it("is created by its own route if a flag asks for it", async () => {
    const api = server();
    const { stdout, stderr } = await cli("create gadget two --kit", { server: api });
    expect(stdout).toMatch(/^gadget 'two' created /);
    expect(stderr).toBe("Made from a kit.\n");
    expect(api.requests).toEqual([]);
  });

  it("has its own sections in describe", async () => {
    const { stdout } = await cli("describe gadget one", { server: server() });
    expect(stdout).toContain("Paint:\n  two coats\n");
    expect(stdout).not.toContain("Color:");
  });

  it("is compared as the server stores it by apply and diff", async () => {
    const changed = { [`PUT /api/v1/gadgets/${gadget!.id}`]: { ...gadget, color: "blue", version: 2 } };
    const options = { ...withManifest("RED"), server: server() };
    expect((await cli("apply -f m.yaml", options)).stdout).toBe("gadget 'one' unchanged\n");
    expect(await cli("diff -f m.yaml", options)).toMatchObject({ code: 0, stdout: "" });
    const api = server(changed);
    expect(await cli("diff -f m.yaml", { ...withManifest("BLUE"), server: api })).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("-color: red\n+color: blue\n"),
    });
    expect(api.requests.at(-1)).toBe(`PUT /api/v1/gadgets/${gadget!.id}?dryRun=true`);
  });

  it("has its warnings and the value that is shown once in apply", async () => {
    const api = server({ "GET /api/v1/gadgets/one": () => failure(404, "not_found", "no") });
    const { stdout, stderr } = await cli("apply -f m.yaml", { ...withManifest("red"), server: api });
    expect(stdout).toBe("gadget 'one' created\ns-1\n");
    expect(stderr).toBe("warning: gadget 'one': the paint is wet\n");
  });
});
