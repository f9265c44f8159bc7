import { describe, expect, it } from "vitest";
import { cli as run } from "../../support/cli/run-cli.ts";
import { longProject } from "../../support/mcp/long-results.ts";

describe("mcpctl cache", () => {
  it("lists the long results that are kept, and clears them", async () => {
    const p = await longProject("content-pipeline", {}, { node: "one" });
    const cli = (line: string) => run(line, { server: { url: `unix://${p.socketPath}` } });
    expect(await cli("cache list")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "No long results are kept.\n",
    });
    await p.modern("tools/call", { name: "rows", arguments: {} });
    expect((await cli("cache list -p p")).stdout).toMatch(
      /^PROJECT +SERVER +RESULT +PARTS +SIZE +FOR +EXPIRES +NODE\np +s +rows +8 +\d+ kB +client +in \w+ +one\n$/,
    );
    expect(JSON.parse((await cli("cache list -o json")).stdout)).toMatchObject([{ project: "p", parts: 8 }]);
    expect(await cli("cache clear")).toMatchObject({ code: 0, stdout: "1 results removed\n" });
    expect(JSON.parse((await cli("cache clear -o json")).stdout)).toEqual({ removed: 0 });
    expect(await cli("cache drop")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("write list or clear"),
    });
    expect(await cli("cache list -p other")).toMatchObject({ code: 3 });
  });
});
