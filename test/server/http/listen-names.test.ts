import { expect, it } from "vitest";
import { listenTcp } from "../../../src/server/http/listen.ts";

it.each(["nowhere.invalid", "no such host"])(
  "listening on the host %s names the host (failure mode 83)",
  (hostname) => {
    expect(() => listenTcp({ hostname, port: 0 }, async () => new Response())).toThrow(
      `cannot listen on ${hostname}:0: the host was not found`,
    );
  },
);

it("listening on an address of another machine says so", () => {
  expect(() => listenTcp({ hostname: "203.0.113.7", port: 0 }, async () => new Response())).toThrow(
    "this machine does not have the address (EADDRNOTAVAIL)",
  );
});
