import { describe, expect, it } from "vitest";
import { isForbiddenHost } from "../../src/net/provider-url.ts";

describe("isForbiddenHost (T106)", () => {
  it.each([
    // Metadata services: AWS, Azure, Google Cloud, Alibaba, Oracle, Scaleway, Akamai.
    ...["169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"],
    ...["fd00:ec2::254", "fd00:ec2::23", "FD00:0EC2:0:0::1", "fd20:ce::254", "fd20:ce::1"],
    ...[
      "fd00:c1::a9fe:a9fe",
      "FD00:00C1:0::A9FE:A9FE",
      "fd00:42::42",
      "fd00:a9fe:a9fe::1",
      "fd00:100::100:200",
    ],
    // Mapped, compatible, translated.
    ...["::ffff:169.254.169.254", "::169.254.169.254", "::ffff:a83f:8110", "::ffff:0:169.254.169.254"],
    // NAT64 and 6to4, Teredo.
    ...["64:ff9b::169.254.169.254", "64:ff9b::a83f:8110", "64:ff9b:1::169.254.169.254"],
    ...["64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1", "2002:a83f:8110::", "2001:0:a9fe:a9fe::1"],
    // Link-local with a zone, multicast, reserved.
    ...["fe80::1%eth0", "febf::1", "ff02::1", "224.0.0.1", "240.0.0.1", "255.255.255.255"],
  ])("refuses %s", (address) => {
    expect(isForbiddenHost(address)).toBe(true);
    if (address.includes(":") && !address.includes("%")) expect(isForbiddenHost(`[${address}]`)).toBe(true);
  });

  it.each([
    ...["127.0.0.1", "10.0.0.1", "192.168.1.2", "100.64.0.1", "168.63.129.17", "192.0.0.1"],
    ...[
      "::1",
      "::",
      "fd00:ec1::1",
      "fd00:42::43",
      "fd00:c1::1",
      "fd20:cf::254",
      "fd12:3456::1",
      "2001:db8::1",
      "2600::1",
    ],
    ...["::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1", "64:ff9c::169.254.169.254"],
    ...["llm.example.org", "localhost", "169.254.169.254.example.org"],
  ])("lets %s through", (address) => {
    expect(isForbiddenHost(address)).toBe(false);
  });
});
