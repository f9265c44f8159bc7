import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeProgramFolder, programEnvironment } from "../../../src/processes/launch/environment.ts";
import { errorOf } from "../../support/error-of.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("the environment of a program", () => {
  // T30
  it("has a short list and the declared variables, and nothing else of mcpctl's own", () => {
    const own = {
      PATH: "/bin",
      LANG: "de_DE.UTF-8",
      HOME: "/root",
      MCPCTL_DATABASE_URL: "postgres://user:password@host/db",
      OPENAI_API_KEY: "sk-secret",
      HTTPS_PROXY: "http://user:password@proxy:3128",
    };
    const { env } = programEnvironment(own, { TOKEN: "declared" }, "/private");
    expect(env).toEqual({
      PATH: "/bin",
      LANG: "de_DE.UTF-8",
      TOKEN: "declared",
      HOME: "/private",
      TMPDIR: "/private/tmp",
      XDG_CACHE_HOME: "/private/.cache",
      npm_config_cache: "/private/.npm",
      npm_config_update_notifier: "false",
      BUN_INSTALL_CACHE_DIR: "/private/.cache/bun",
      UV_CACHE_DIR: "/private/.cache/uv",
    });
  });

  it("has a PATH also where mcpctl has none", () => {
    expect(programEnvironment({}, {}, "/private").env["PATH"]).toBe("/usr/local/bin:/usr/bin:/bin");
  });

  it("names files of certificates that exist, and makes them readable", () => {
    const own = { SSL_CERT_FILE: import.meta.filename, NODE_EXTRA_CA_CERTS: "/no/such/file" };
    const { env, readable } = programEnvironment(own, {}, "/private");
    expect(env["SSL_CERT_FILE"]).toBe(import.meta.filename);
    expect(env).not.toHaveProperty("NODE_EXTRA_CA_CERTS");
    expect(readable).toEqual([import.meta.filename]);
  });

  it("has the proxies of mcpctl, but none with a password (T305)", () => {
    const own = {
      https_proxy: "http://proxy:3128",
      HTTP_PROXY: "http://user:canary@proxy:3128",
      NO_PROXY: "10.0.0.0/8",
      ALL_PROXY: "",
      MY_PROXY: "x",
    };
    const { env } = programEnvironment(own, { NO_PROXY: "declared" }, "/private");
    expect(
      Object.keys(env)
        .filter((name) => /proxy$/i.test(name))
        .sort(),
    ).toEqual(["NO_PROXY", "https_proxy"]);
    expect(env).toMatchObject({ https_proxy: "http://proxy:3128", NO_PROXY: "declared" });
  });

  it("lets the definition set the usual variables", () => {
    expect(programEnvironment({ PATH: "/bin" }, { PATH: "/opt/bin", TZ: "UTC" }, "/p").env).toMatchObject({
      PATH: "/opt/bin",
      TZ: "UTC",
    });
  });

  // T146
  it.each([
    ["LD_PRELOAD", "/evil.so"],
    ["LD_LIBRARY_PATH", "/evil"],
    ["GLIBC_TUNABLES", "x"],
    ["BUN_OPTIONS", "--preload=/evil.js"],
    ["MCPCTL_TOKEN", "x"],
    ["A=B", "x"],
    ["", "x"],
    ["1A", "x"],
    ["A", "b\0c"],
  ])("cannot have %j", async (name, value) => {
    const error = await errorOf(() => programEnvironment({}, { [name]: value }, "/private"));
    expect(error).toMatchObject({ code: "invalid_request" });
    expect(String(error)).not.toContain(value === "x" ? "\0" : value);
  });
});

describe("the folder of a program", () => {
  it("is its user's alone, with all its parts, and may be there already", () => {
    const folder = join(temporaryFolder(), "a/b");
    makeProgramFolder(folder);
    makeProgramFolder(folder);
    for (const part of ["", "tmp", ".cache/uv", ".npm"])
      expect(statSync(join(folder, part)).mode & 0o777).toBe(0o700);
  });
});
