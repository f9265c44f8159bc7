import { describe, expect, it } from "vitest";
import { fakeApi, llms } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { badGateway, testProxy, wantsLogin } from "../../support/http-proxy.ts";
import { closedPort } from "../../support/unreachable.ts";

const run = (url: string, env: Record<string, string>, line = "get llms") =>
  cli(line, { server: { url }, env: { MCPCTL_TOKEN: "some-token", ...env } });

describe("the command line behind a proxy (failure mode 84)", () => {
  it("calls the server through HTTP_PROXY, and directly what NO_PROXY names", async () => {
    const [api, proxy] = [fakeApi({ "GET /api/v1/llms": llms }), await testProxy()];
    const url = api.url.replace("127.0.0.1", "server.test");
    const env = { HTTP_PROXY: proxy.url.replace("://", "://user:canary@") };
    const { code, stdout } = await run(url, env);
    expect([code, stdout.includes("claude")]).toEqual([0, true]);
    expect(proxy.lines).toEqual([`GET ${url}/api/v1/llms HTTP/1.1`]);
    expect(proxy.logins).toEqual([`Basic ${btoa("user:canary")}`]);
    expect((await run(url, { ...env, NO_PROXY: ".test" })).stderr).toContain("(ENOTFOUND)");
    expect((await run(api.url, env)).code).toBe(0);
    expect(proxy.lines).toHaveLength(1);
  });

  it("names the proxy in errors, and never its password", async () => {
    const dead = `127.0.0.1:${closedPort()}`;
    const [login, broken] = [
      await testProxy({ answer: wantsLogin }),
      await testProxy({ answer: badGateway }),
    ];
    const withPassword = (url: string) => url.replace("://", "://user:canary@");
    const cases: [url: string, proxy: string, words: string][] = [
      ["http://server.test", `http://${dead}`, `through the proxy ${dead}: the connection was refused`],
      ["https://server.test", `http://${dead}`, `through the proxy ${dead}: the connection was refused`],
      ["http://server.test", login.url, `the proxy ${login.name} requires a user and password (407)`],
      [
        "https://server.test",
        login.url,
        `through the proxy ${login.name}: the proxy requires a user and password`,
      ],
      ["http://server.test", broken.url, `the server or the proxy ${broken.name} responded with 502`],
      ["https://server.test", broken.url, "the proxy refused the connection with status 502"],
    ];
    for (const [url, proxy, words] of cases) {
      const env = { HTTP_PROXY: withPassword(proxy), HTTPS_PROXY: withPassword(proxy) };
      const { code, stderr } = await run(url, env);
      expect(stderr).toContain(words);
      expect(stderr).toMatch(/^hint: \S/m);
      expect(stderr).not.toContain("canary");
      expect(code).toBe(1);
    }
    const bad = await run("https://server.test", { HTTPS_PROXY: "socks5://u:canary@proxy:1080" });
    expect([bad.code, bad.stderr.includes("HTTPS_PROXY is not the address of an HTTP proxy")]).toEqual([
      2,
      true,
    ]);
    expect(bad.stderr).not.toContain("canary");
  });

  it("is told by the doctor which proxy is used", async () => {
    const proxy = await testProxy();
    const api = fakeApi({ "GET /healthz": () => new Response("ok\n") });
    const { stdout } = await run(
      api.url.replace("127.0.0.1", "server.test"),
      { HTTP_PROXY: proxy.url },
      "doctor",
    );
    expect(stdout).toMatch(new RegExp(`^ok {4}own proxy {5}${proxy.name}, from the environment$`, "m"));
    expect((await run(api.url, { HTTP_PROXY: proxy.url }, "doctor")).stdout).toContain("own proxy     none");
  });
});
