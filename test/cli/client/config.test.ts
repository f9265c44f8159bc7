import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../../src/agent/config/json-text.ts";
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

  it("may begin with a byte order mark and have CRLF line ends, as config.json may (failure mode 88)", async () => {
    const home = newHome();
    const server = fakeApi(catalogueResponses());
    const text = (value: object) => `\ufeff${JSON.stringify(value, null, 2).replaceAll("\n", "\r\n")}\r\n`;
    const contexts = { contexts: { a: { server: server.url } }, currentContext: "a" };
    writeFileSync(join(home, "config.json"), text(contexts), { mode: 0o600 });
    writeFileSync(join(home, "credentials.json"), text({ token: bearer }), { mode: 0o600 });
    expect((await cli("get llms", { home })).code).toBe(0);
    expect(server.tokens).toEqual([bearer]);
    expect(parseJson(text(contexts))).toMatchObject({ value: contexts });
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
