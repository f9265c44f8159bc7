import { describe, expect, it } from "vitest";
import { proxyRule, takeEnvironment } from "../src/proxies.ts";

const proxied = (env: Record<string, string>, url: string) => proxyRule(env)(new URL(url))?.name;
const both = { HTTP_PROXY: "http://plain:3128", HTTPS_PROXY: "http://secure:3129" };

describe("proxyRule (failure mode 84)", () => {
  it("takes HTTP_PROXY for http and ws, and HTTPS_PROXY for https and wss", () => {
    const found = ["http://a.test", "ws://a.test", "https://a.test", "wss://a.test"].map((url) =>
      proxied(both, url),
    );
    expect(found).toEqual(["plain:3128", "plain:3128", "secure:3129", "secure:3129"]);
    expect(proxied({ HTTP_PROXY: "plain" }, "https://a.test")).toBeUndefined();
    expect(proxied({}, "https://a.test")).toBeUndefined();
  });

  it("takes ALL_PROXY for both where they have none of their own, and NO_PROXY holds for it", () => {
    const all = { ALL_PROXY: "http://all:1", HTTPS_PROXY: "http://secure:3129" };
    expect(proxied(all, "http://a.test")).toBe("all:1");
    expect(proxied(all, "wss://a.test")).toBe("secure:3129");
    expect(proxied({ ...all, all_proxy: "low:2" }, "ws://a.test")).toBe("low:2");
    expect(proxied({ ...all, NO_PROXY: "a.test" }, "http://a.test")).toBeUndefined();
    expect(proxied(all, "http://127.0.0.1:7777")).toBeUndefined();
    expect(() => proxied({ all_proxy: "socks5://proxy:1080" }, "http://a.test")).toThrow(
      "all_proxy is not the address of an HTTP proxy",
    );
  });

  it("prefers names in lower case, and takes an empty value for none", () => {
    expect(proxied({ ...both, http_proxy: "http://low:1" }, "http://a.test")).toBe("low:1");
    expect(proxied({ ...both, http_proxy: "" }, "http://a.test")).toBe("plain:3128");
    expect(proxied({ HTTP_PROXY: " " }, "http://a.test")).toBeUndefined();
    expect(proxied({ ...both, no_proxy: "b.test", NO_PROXY: "a.test" }, "http://a.test")).toBe("plain:3128");
  });

  it.each(["localhost", "api.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0", "LOCALHOST."])(
    "never sends %s through a proxy",
    (host) => {
      expect(proxied(both, `http://${host}:8080`)).toBeUndefined();
      expect(proxied(both, `https://${host}`)).toBeUndefined();
    },
  );

  it.each([
    ["*", "http://any.test", true],
    ["example.org", "https://example.org", true],
    ["example.org", "https://api.example.org", true],
    ["example.org", "https://notexample.org", false],
    [".example.org", "https://example.org", true],
    [".example.org", "https://a.b.example.org", true],
    ["*.example.org", "https://a.example.org", true],
    ["EXAMPLE.org.", "https://example.ORG", true],
    ["example.org:8443", "https://example.org:8443", true],
    ["example.org:8443", "https://example.org", false],
    ["example.org:443", "https://example.org", true],
    ["10.0.0.7", "http://10.0.0.7:8000", true],
    ["10.0.0.7", "http://10.0.0.70", false],
    ["10.0.0.0/8", "http://10.200.0.1", true],
    ["10.0.0.0/8", "http://11.0.0.1", false],
    ["10.0.0.0/99", "http://10.0.0.1", false],
    ["fd00::/8", "http://[fd12::1]", true],
    ["fd00::/8", "http://[fe00::1]", false],
    ["fd12::1", "http://[fd12:0::1]:80", true],
    ["[fd12::1]:8080", "http://[fd12::1]:8080", true],
    ["[fd12::1]:8080", "http://[fd12::1]", false],
    ["a.test, b.test  c.test", "http://c.test", true],
    [",, ,", "http://a.test", false],
    ["10.0.0.0/8", "http://ten.test", false],
  ])("NO_PROXY=%s for %s: %s", (noProxy, url, isDirect) => {
    expect(proxied({ ...both, NO_PROXY: noProxy }, url) === undefined).toBe(isDirect);
  });

  it("reads user and password, and never shows them", () => {
    const proxy = proxyRule({ HTTP_PROXY: "http://us%40er:pa%3Ass@proxy.test" })(new URL("http://a.test"))!;
    expect(proxy).toMatchObject({ hostname: "proxy.test", port: 80, name: "proxy.test:80" });
    expect(Buffer.from(proxy.authorization!.slice(6), "base64").toString()).toBe("us@er:pa:ss");
    for (const value of [
      "socks5://u:canary@proxy:1080",
      "https://u:canary@proxy",
      "http://u:canary@",
      "http://[",
    ]) {
      const rule = proxyRule({ HTTPS_PROXY: value });
      // A bad proxy does not matter to an address that needs none.
      expect(rule(new URL("http://a.test"))).toBeUndefined();
      let error: unknown;
      try {
        rule(new URL("https://a.test"));
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({
        code: "usage",
        message: "HTTPS_PROXY is not the address of an HTTP proxy",
      });
      expect(Bun.inspect(error)).not.toContain("canary");
    }
  });
});

it("takeEnvironment leaves the runtime no proxy of its own, and keeps a copy", () => {
  const env: Record<string, string | undefined> = {
    http_proxy: "a",
    HTTPS_PROXY: "b",
    NO_PROXY: "c",
    all_proxy: "d",
    PATH: "/bin",
  };
  const copy = { ...env };
  expect(takeEnvironment(env)).toEqual(copy);
  expect(env).toEqual({ PATH: "/bin" });
});
