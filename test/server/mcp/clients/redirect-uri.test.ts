import { describe, expect, it } from "vitest";
import {
  isRegistered,
  redirectKind,
  redirectPlace,
  redirectWith,
} from "../../../../src/server/mcp/clients/redirect-uri.ts";

describe("a redirect URI", () => {
  it.each([
    ["https://claude.ai/api/mcp/auth_callback", "web", "claude.ai"],
    ["https://[2001:db8::1]:8443/cb?x=1", "web", "[2001:db8::1]:8443"],
    ["http://localhost:33418/", "loopback", "localhost:33418"],
    ["http://127.0.0.1/callback", "loopback", "127.0.0.1"],
    ["http://[::1]:5000/callback", "loopback", "[::1]:5000"],
    ["cursor://anysphere.cursor-mcp/oauth/callback", "app", "cursor:"],
    ["com.example.app:/callback", "app", "com.example.app:"],
  ])("%s is accepted as %s", (uri, kind, place) => {
    expect([redirectKind(uri), redirectPlace(uri)]).toEqual([kind, place]);
  });

  it.each([
    "http://example.com/callback",
    "http://localhost.example.com/",
    "http://127.0.0.1.example.com/",
    "https://user:pass@example.com/",
    "https://example.com/#fragment",
    "https:///nowhere",
    "https:example.com",
    "https://example.com\\@evil.example/",
    "//example.com/",
    "/callback",
    "javascript:alert(1)",
    "JavaScript:/alert(1)",
    "data:text/html,x",
    "data:/text",
    "file:///etc/passwd",
    "blob:https://example.com/1",
    "ms-msdt:/id",
    "intent://x/#Intent;end",
    "ws://example.com/",
    "mailto:/a@example.com",
    "ab:/x",
    "example:callback",
    "https://exa mple.com/",
    "https://example.com/\n",
    "https://exämple.com/",
    `https://example.com/${"x".repeat(500)}`,
    "",
  ])("%j is refused (T277)", (uri) => {
    expect(redirectKind(uri)).toBeUndefined();
    expect(isRegistered(uri, [uri])).toBe(false);
  });

  it("must be one of the client's letter by letter, but for the port of a program on the machine (T277)", () => {
    const own = ["https://a.example/cb", "http://127.0.0.1/cb?x=1", "http://localhost:1/", "app.one:/cb"];
    for (const uri of [
      ...own,
      "http://127.0.0.1:40000/cb?x=1",
      "http://localhost:65535/",
      "http://localhost/",
    ])
      expect(isRegistered(uri, own), uri).toBe(true);
    for (const uri of [
      "https://a.example/cb/",
      "https://a.example/cb?x",
      "https://a.example:8443/cb",
      "https://A.example/cb",
      "https://a.example/cb/../cb",
      "https://evil.example/cb",
      "https://a.example.evil.example/cb",
      "http://127.0.0.1:40000/cb",
      "http://127.0.0.1:40000/cb?x=2",
      "http://127.0.0.1:1@evil.example/cb?x=1",
      "http://localhost:1/cb?x=1",
      "http://[::1]:1/",
      "app.one:/cb2",
      "app.two:/cb",
    ])
      expect(isRegistered(uri, own), uri).toBe(false);
  });

  it("keeps what it is and gets the answer behind it", () => {
    expect(redirectWith("http://127.0.0.1:1/cb?x=%20", { code: "a&b", state: undefined })).toBe(
      "http://127.0.0.1:1/cb?x=%20&code=a%26b",
    );
    expect(redirectWith("app.one:/cb", { error: "access_denied" })).toBe("app.one:/cb?error=access_denied");
  });
});
