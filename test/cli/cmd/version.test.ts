import { describe, expect, it } from "vitest";
import { version } from "../../../src/version.ts";
import { failure, fakeApi } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

const newer = { version: "9.9.9", commit: "abc", date: "2026-11-01", bun: "1.4.5" };

describe("version", () => {
  it("-o json prints both versions and nothing else", async () => {
    const server = fakeApi({ "GET /api/v1/version": newer });
    const { code, stdout, stderr } = await cli("version -o json", { server });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ client: { ...version }, server: newer });
    expect(stderr).toContain("9.9.9");
  });

  it("prints the client's version and a warning if the server does not respond", async () => {
    const server = fakeApi({ "GET /api/v1/version": () => failure(401, "unauthenticated", "log in") });
    const { code, stdout, stderr } = await cli("version -o json", { server });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).server).toBeNull();
    expect(stderr).toBe("warning: the version of the server is unknown: log in\n");
  });
});
