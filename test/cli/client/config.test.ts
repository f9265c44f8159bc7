import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { catalogueResponses, fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const bearer = "mcpctl_ses_0123456789abcdef";

describe("credentials.json (T85)", () => {
  it.each([0o644, 0o640, 0o604])("is not used with mode %o, and its token is not sent", async (mode) => {
    const home = newHome();
    writeFileSync(join(home, "credentials.json"), `{"token":"${bearer}"}`, { mode });
    const server = fakeApi(catalogueResponses());
    const { code, stdout, stderr } = await cli("get llms", { server, home });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `error: ${home}/credentials.json is refused: others can read it\nhint: run: chmod 600 ${home}/credentials.json\n`,
    );
    expect(server.requests).toEqual([]);
  });

  it("is not quoted in the error if it is not JSON", async () => {
    const home = newHome();
    writeFileSync(join(home, "credentials.json"), `{"token":${bearer}`, { mode: 0o600 });
    const { code, stderr } = await cli("get llms -v", { server: fakeApi(catalogueResponses()), home });
    expect(code).toBe(1);
    expect(stderr).toContain("credentials.json is not JSON");
    expect(stderr).not.toContain("mcpctl_ses");
  });

  it("is not used in a folder that other users can write to", async () => {
    const home = join(newHome(), "open");
    mkdirSync(home);
    writeFileSync(join(home, "credentials.json"), `{"token":"${bearer}"}`, { mode: 0o600 });
    const { chmodSync } = await import("node:fs");
    chmodSync(home, 0o770);
    expect((await cli("get llms", { server: fakeApi(catalogueResponses()), home })).stderr).toContain(
      "others can write to it",
    );
  });
});
