import { afterEach, describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";
import { cli } from "../../support/cli/run-cli.ts";

const manifest = "kind: group\nname: friends\nmembers: []\n";

let stop: (() => void)[] = [];
afterEach(() => {
  for (const one of stop) one();
  stop = [];
});

/** A server of files on this machine, and the headers of its requests. */
function files(answer: (request: Request) => Response) {
  const headers: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      headers.push(JSON.stringify(request.headers.toJSON()));
      return answer(request);
    },
  });
  stop.push(() => server.stop(true));
  return { url: server.url.origin, headers };
}

const run = (catalogue: FakeCatalogue, words: string[], options = {}) =>
  cli(["apply", ...words], { server: catalogue, env: { MCPCTL_TOKEN: "secret-token" }, ...options });

describe("apply -f URL", () => {
  it("applies what is there, and sends no token to that server", async () => {
    const catalogue = new FakeCatalogue();
    const { url, headers } = files(() => new Response(manifest));
    const { code, stdout, stderr } = await run(catalogue, ["-f", `${url}/a.yaml?x=1`]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "group 'friends' created\n", stderr: "" });
    expect(headers).toHaveLength(1);
    expect(headers[0]).not.toContain("secret-token");
    expect(headers[0]).not.toContain("authorization");
  });

  it.each([
    ["a redirect", () => Response.redirect("http://127.0.0.1:1/x", 302), "it redirects (302)"],
    ["an error", () => new Response("no", { status: 404 }), "the server responded with 404"],
    ["a page", () => new Response("<!DOCTYPE html><p>x"), "it is a web page"],
    ["more than 8 MB", () => new Response("#".repeat(9_000_000)), "it is larger than 8 MB"],
    ["a fault", () => new Response("kind: group\nname: X\n"), "/a.yaml:2:"],
  ])("refuses %s, and writes nothing", async (_, answer, reason) => {
    const catalogue = new FakeCatalogue();
    const { url } = files(answer);
    const { code, stderr } = await run(catalogue, ["-f", `${url}/a.yaml`]);
    expect(code).toBe(1);
    expect(stderr).toContain(reason);
    expect(catalogue.writes).toEqual([]);
  });

  it.each(["http://files.example/a.yaml", "https://user:pw@files.example/a.yaml"])(
    "refuses %s",
    async (address) => {
      const { code, stderr } = await run(new FakeCatalogue(), ["-f", address]);
      expect(code).toBe(2);
      expect(stderr).not.toContain("pw@");
    },
  );
});

describe("apply --prune", () => {
  async function withGroups() {
    const catalogue = new FakeCatalogue();
    for (const [name, description] of [
      ["friends", "managed"],
      ["old", "managed"],
      ["own", "by hand"],
    ] as const)
      catalogue.seed("projects", { name, description });
    catalogue.seed("groups", { name: "other", description: "managed" });
    return catalogue;
  }
  const text = "kind: project\nname: friends\ndescription: managed\n";
  const line = ["-f", "-", "--prune", "--where", "description=managed"];

  it("deletes what is selected and no longer named, of the same kinds", async () => {
    const catalogue = await withGroups();
    const dry = await run(catalogue, [...line, "--dry-run"], { stdin: text });
    expect(dry.stdout).toContain("project 'old' deleted (dry run)\n");
    expect(catalogue.writes).toEqual([]);
    const { code, stdout } = await run(catalogue, line, { stdin: text });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "project 'friends' unchanged\nproject 'old' deleted\n",
    });
    expect(["friends", "own"].map((name) => catalogue.find("projects", name)?.name)).toEqual([
      "friends",
      "own",
    ]);
    expect(catalogue.find("groups", "other")).toBeDefined();
  });

  it("deletes nothing where something could not be applied, or without --where", async () => {
    const catalogue = await withGroups();
    const faulty = `${text}---\nkind: project\nname: second\nllmProvider: none-there\n`;
    catalogue.refuse(({ method }) => method === "POST", new AppError("conflict", "refused"));
    expect((await run(catalogue, line, { stdin: faulty })).code).not.toBe(0);
    expect(catalogue.find("projects", "old")).toBeDefined();
    expect((await run(catalogue, ["-f", "-", "--prune"], { stdin: text })).code).toBe(2);
    expect((await run(catalogue, ["-f", "-", "--where", "name=old"], { stdin: text })).code).toBe(2);
    expect((await run(catalogue, ["-f", "-", "--prune", "--where", "nope=1"], { stdin: text })).code).toBe(2);
  });
});
