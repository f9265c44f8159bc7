import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveEndpoint, resolveForAgent } from "../../../src/cli/client/endpoint.ts";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { flags } from "../../support/cli/fake-terminal.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";
import { errorOf } from "../../support/error-of.ts";

const contexts = {
  contexts: { home: { server: "http://home:1" }, work: { server: "http://work:1", tokenFile: "work.token" } },
  currentContext: "home",
};

function homeWith(config?: object, token?: string): string {
  const home = newHome();
  if (config) writeFileSync(join(home, "config.json"), JSON.stringify(config), { mode: 0o600 });
  if (token) writeFileSync(join(home, "credentials.json"), JSON.stringify({ token }), { mode: 0o600 });
  return home;
}

function resolved(home: string, given: Partial<typeof flags> = {}, env: Record<string, string> = {}) {
  return resolveEndpoint({ home, cwd: home, env, flags: { ...flags, ...given } });
}

describe("the address of the server", () => {
  const environment = { MCPCTL_SERVER: "http://env:1", MCPD_URL: "http://old:1" };

  it("is that of the flag, the named context, the environment, the current context, in this order", async () => {
    const home = homeWith(contexts);
    const url = async (given: Partial<typeof flags>, env: Record<string, string>) =>
      (await resolved(home, given, env)).url;
    expect(await url({ server: "https://flag:1/", context: "work" }, environment)).toBe("https://flag:1");
    expect(await url({ context: "home" }, environment)).toBe("http://home:1");
    expect(await url({}, environment)).toBe("http://env:1");
    expect(await url({}, { MCPD_URL: "http://old:1" })).toBe("http://old:1");
    expect(await url({}, {})).toBe("http://home:1");
  });

  it("is a Unix socket on this machine that can be opened, otherwise the default", async () => {
    const home = homeWith();
    mkdirSync(join(home, "server"));
    expect((await resolved(home)).url).toBe("http://127.0.0.1:7777");
    const server = fakeApi({}, { unix: join(home, "server", "mcpctl.sock") });
    expect((await resolved(home)).url).toBe(server.url);
    const elsewhere = fakeApi({}, { unix: join(newHome(), "mcpctl.sock") });
    const folder = elsewhere.url.slice("unix://".length, -"/mcpctl.sock".length);
    expect((await resolved(home, {}, { MCPCTL_DATA_DIR: folder })).url).toBe(elsewhere.url);
  });

  it("is not a socket without a listener", async () => {
    const home = homeWith();
    writeFileSync(join(home, "mcpctl.sock"), "");
    expect((await resolved(home, {}, { MCPCTL_DATA_DIR: home })).url).toBe("http://127.0.0.1:7777");
  });

  it("has the name of its setting in errors", async () => {
    expect((await resolved(homeWith(contexts))).origin).toBe('context "home"');
    expect((await resolved(homeWith(), {}, environment)).origin).toBe("MCPCTL_SERVER");
    expect(await resolved(homeWith(), { server: "http://a:1" })).toEqual({ url: "http://a:1" });
  });

  it.each([
    [{ server: "127.0.0.1:7777" }, {}, "usage"],
    [{ server: "file:///etc/passwd" }, {}, "usage"],
    [{}, { MCPCTL_SERVER: "javascript:1" }, "usage"],
    [{ context: "none" }, {}, "not_found"],
  ])("is refused: %j %j", async (given, env, code) => {
    await expect(resolved(homeWith(contexts), given, env as Record<string, string>)).rejects.toMatchObject({
      code,
    });
  });

  it("can be a Unix socket, which needs no token", async () => {
    const home = homeWith(undefined, "mcpctl_ses_left_over");
    mkdirSync(join(home, "server"));
    const server = fakeApi({ "GET /api/v1/llms": [] }, { unix: join(home, "server", "mcpctl.sock") });
    expect((await cli("get llms", { home })).code).toBe(0);
    await cli("get llms", { home, env: { MCPCTL_TOKEN: "explicit" } });
    expect(server.tokens).toEqual(["", "explicit"]);
  });
});

describe("the token", () => {
  it("is that of the flag's file, the environment, the context, the login, in this order", async () => {
    const home = homeWith(contexts, "login");
    writeFileSync(join(home, "flag.token"), "flag\n");
    writeFileSync(join(home, "work.token"), '{"token": "work"}');
    const token = async (given: Partial<typeof flags>, env = {}) => (await resolved(home, given, env)).token;
    expect(await token({ tokenFile: "flag.token", context: "work" }, { MCPCTL_TOKEN: "env" })).toBe("flag");
    expect(await token({ context: "work" }, { MCPCTL_TOKEN: "env\n" })).toBe("env");
    expect(await token({ context: "work" })).toBe("work");
    expect(await token({})).toBe("login");
    expect((await resolved(homeWith(contexts))).token).toBeUndefined();
  });

  it("may have a byte order mark and CRLF in its file (failure mode 88)", async () => {
    const home = homeWith();
    writeFileSync(join(home, "plain"), "\ufefftoken\r\n");
    writeFileSync(join(home, "json"), '\ufeff{"token": "token"}\r\n');
    for (const tokenFile of ["plain", "json"])
      expect((await resolved(home, { tokenFile })).token).toBe("token");
  });

  it.each(["two words", "line\nbreak", "no\u200bwidth", "ü", '{"token": 5}', "{}", ""])(
    "that no header can hold is refused, and not repeated: %j",
    async (text) => {
      const home = homeWith();
      writeFileSync(join(home, "file"), text);
      const error = await errorOf(resolved(home, { tokenFile: "file" }));
      expect(error).toMatchObject({ code: "invalid_request" });
      expect(error.message).toMatch(/cannot be part of a token|contains no token/);
      if (text !== "") expect(error.message).not.toContain(text);
    },
  );

  it("warns when MCPCTL_TOKEN goes over plain HTTP to a machine that the environment does not name (T111)", async () => {
    const warning = async (
      given: Partial<typeof flags>,
      env: Record<string, string> = { MCPCTL_TOKEN: "env" },
    ) => (await resolved(homeWith(contexts), given, env)).warning;
    const expected =
      "MCPCTL_TOKEN is sent to http://work:1 over plain HTTP, where everybody on the way can read it";
    expect(await warning({ context: "work" })).toBe(expected);
    expect(await warning({ server: "http://work:1" })).toBe(expected);
    expect(await warning({})).toContain("http://home:1");
    for (const server of [
      "https://work",
      "http://127.0.0.1:1",
      "http://localhost:1",
      "http://[::1]:1",
      "unix:///s",
    ])
      expect(await warning({ server }), server).toBeUndefined();
    expect(await warning({ server: "http://127.0.0.1.example.org" })).toContain("127.0.0.1.example.org");
    expect(await warning({}, { MCPCTL_TOKEN: "env", MCPCTL_SERVER: "http://work:1" })).toBeUndefined();
    expect(await warning({ server: "http://work:1" }, {})).toBeUndefined();
  });

  it("is an error if its file does not exist", async () => {
    await expect(resolved(homeWith(), { tokenFile: "none" })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });
});

describe("the endpoint of an agent", () => {
  const forAgent = (home: string, given: Partial<typeof flags> = {}) =>
    resolveForAgent({ home, cwd: home, env: {}, flags: { ...flags, ...given } });

  it("is not a Unix socket that is found, and an error for one that is given", async () => {
    const home = homeWith();
    mkdirSync(join(home, "server"));
    fakeApi({}, { unix: join(home, "server", "mcpctl.sock") });
    expect((await forAgent(home)).url).toBe("http://127.0.0.1:7777");
    await expect(forAgent(home, { server: "unix:///run/mcpctl.sock" })).rejects.toMatchObject({
      code: "usage",
    });
  });

  it("reads its token each time, because it may have changed", async () => {
    const home = homeWith(undefined, "first");
    const { token } = await forAgent(home);
    expect(token()).toBe("first");
    writeFileSync(join(home, "credentials.json"), JSON.stringify({ token: "second" }));
    expect(token()).toBe("second");
    writeFileSync(join(home, "credentials.json"), "{}");
    expect(token).toThrow("there is none");
  });
});
