import { describe, expect, it } from "vitest";
import { isLocalHost, isPrivateAddress } from "../../src/net/private-address.ts";

describe("isPrivateAddress", () => {
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.1.1",
    "0.0.0.0",
    "::1",
    "::",
    "fd00::1",
    "fe80::1%eth0",
    "[::1]",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:0a00:0001::",
  ])("is true for %s, which no public network has (T195)", (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  it.each(["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])(
    "is false for %s",
    (address) => {
      expect(isPrivateAddress(address)).toBe(false);
    },
  );

  it("is false for a name, which has to be looked up", () => {
    expect(isPrivateAddress("localhost")).toBe(false);
  });
});

describe("isLocalHost", () => {
  it.each(["nas", "nas.local", "mcp.lan", "x.home.arpa", "LOCALHOST", "192.168.1.2", "nas."])(
    "is true for %s",
    (host) => {
      expect(isLocalHost(host)).toBe(true);
    },
  );

  it.each(["mcp.example.org", "localhost.example.org", "8.8.8.8"])("is false for %s", (host) => {
    expect(isLocalHost(host)).toBe(false);
  });
});
