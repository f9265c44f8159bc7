import { describe, expect, it } from "vitest";
import { failure, fakeApi, rows } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

const backends = rows("secretbackend", { name: "default" }, { name: "bao" }, { name: "old" });
const rotated = { name: "bao", rotatedAt: "2026-11-21T12:00:00Z" };
const key = { keyId: "1a2b3c4d", rewrapped: 12, resumed: false };

describe("rotate secretbackend", () => {
  it.each(["rotate secretbackend bao", "rotate sb bao", "rotate secretbackends/bao"])("%s", async (line) => {
    const server = fakeApi({ "POST /api/v1/secretbackends/bao/rotate": rotated });
    expect(await cli(line, { server })).toMatchObject({
      code: 0,
      stdout: "secretbackend 'bao' rotated\n",
      stderr: "",
    });
    expect(server.requests).toEqual(["POST /api/v1/secretbackends/bao/rotate"]);
    expect(server.bodies).toEqual([undefined]);
  });

  it("prints a warning on stderr, and the response with -o json", async () => {
    const warning = "the old token could not be revoked";
    const server = fakeApi({ "POST /api/v1/secretbackends/bao/rotate": { ...rotated, warning } });
    expect(await cli("rotate secretbackend bao", { server })).toMatchObject({
      code: 0,
      stdout: "secretbackend 'bao' rotated\n",
      stderr: `warning: secretbackend 'bao': ${warning}\n`,
    });
    const { code, stdout } = await cli("rotate secretbackend bao -o json", { server });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ ...rotated, warning });
  });

  it("suggests the nearest backend, and prints the server's refusal", async () => {
    const server = fakeApi({
      "GET /api/v1/secretbackends": backends,
      "POST /api/v1/secretbackends/default/rotate": () =>
        failure(409, "conflict", 'secret backend "default" has no token'),
      "POST /api/v1/secretbackends/bao/rotate": () => failure(403, "forbidden", "you may not rotate"),
      "POST /api/v1/secretbackends/old/rotate": () => failure(404, "not_found", "no such route"),
    });
    expect(await cli("rotate secretbackend boa", { server })).toMatchObject({
      code: 3,
      stdout: "",
      stderr:
        'error: secretbackend "boa" not found\nhint: did you mean "bao"? Run: mcpctl get secretbackends\n',
    });
    expect(await cli("rotate secretbackend default", { server })).toMatchObject({
      code: 1,
      stdout: "",
      stderr: 'error: secret backend "default" has no token\n',
    });
    expect(await cli("rotate secretbackend bao -o json", { server })).toMatchObject({ code: 4, stdout: "" });
    expect((await cli("rotate secretbackend old", { server })).stderr).toBe("error: no such route\n");
  });

  it.each(["..", "%2e%2e", "a?b"])("never sends the name %s", async (name) => {
    const server = fakeApi({});
    expect((await cli(["rotate", "secretbackend", name], { server })).code).toBe(3);
    expect(server.requests.filter((call) => call.startsWith("POST"))).toEqual([]);
  });
});

describe("rotate master-key", () => {
  it.each([
    [key, "master key rotated: 12 secrets rewrapped (key 1a2b3c4d)\n"],
    [{ ...key, rewrapped: 1 }, "master key rotated: 1 secret rewrapped (key 1a2b3c4d)\n"],
    [{ ...key, resumed: true }, "rotation finished: 12 secrets rewrapped (key 1a2b3c4d)\n"],
  ])("%j", async (answer, line) => {
    const server = fakeApi({ "POST /api/v1/master-key/rotate": answer });
    expect(await cli("rotate master-key", { server })).toMatchObject({ code: 0, stdout: line, stderr: "" });
    const { stdout } = await cli("rotate master-key -o json", { server });
    expect(JSON.parse(stdout)).toEqual(answer);
  });

  it("prints the server's refusals", async () => {
    const server = fakeApi({
      "POST /api/v1/master-key/rotate": () =>
        failure(400, "invalid_request", "there is no master key", {
          hint: "start it with --master-key-file",
        }),
    });
    expect(await cli("rotate master-key", { server })).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "error: there is no master key\nhint: start it with --master-key-file\n",
    });
  });

  it("is given up after the time of --timeout", async () => {
    const server = fakeApi({ "POST /api/v1/master-key/rotate": () => new Promise(() => {}) });
    const { code, stdout } = await cli("rotate master-key --timeout 50ms", { server });
    expect({ code, stdout }).toEqual({ code: 6, stdout: "" });
  });

  it("exits with 130 on Ctrl-C", async () => {
    const interrupt = new AbortController();
    const server = fakeApi({
      "POST /api/v1/master-key/rotate": () => {
        interrupt.abort();
        return new Promise(() => {});
      },
    });
    const { code, stdout, stderr } = await cli("rotate master-key", { server, signal: interrupt.signal });
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: "", stderr: "" });
  });
});

describe("a usage error of rotate", () => {
  it.each([
    [
      "rotate",
      "token NAME, secretbackend NAME or master-key is missing",
      "mcpctl rotate secretbackend NAME, or mcpctl rotate master-key",
    ],
    [
      "rotate foo",
      '"foo" cannot be rotated',
      "mcpctl rotate secretbackend NAME, or mcpctl rotate master-key",
    ],
    ["rotate llm claude", '"llm" cannot be rotated', "mcpctl rotate secretbackend NAME"],
    ["rotate secretbackend", "the name of the secretbackend is missing", "mcpctl rotate --help"],
    ["rotate sb/bao more", 'unexpected argument "more"', ""],
    ["rotate master-key more", 'unexpected argument "more"', ""],
    ["rotate master-key -o name", "mcpctl rotate does not print name", "formats: json, yaml"],
  ])("%s", async (line, message, hint) => {
    const server = fakeApi({});
    const { code, stdout, stderr } = await cli(line, { server });
    expect({ code, stdout, requests: server.requests }).toEqual({ code: 2, stdout: "", requests: [] });
    expect(stderr).toContain(`error: ${message}`.replace("error: text", "text"));
    expect(stderr).toContain(hint);
  });
});
