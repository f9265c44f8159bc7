import { expect, it } from "vitest";
import { passedSocket } from "../../../../src/server/http/connections/passed-socket.ts";

const variables = { LISTEN_PID: String(process.pid), LISTEN_FDS: "1", LISTEN_FDNAMES: "http" };

it("is none where systemd passes none to this process, and programs get no variable of it", () => {
  const env = { ...variables, LISTEN_PID: "1", OTHER: "x" };
  expect(passedSocket(env)).toBeUndefined();
  expect(env).toEqual({ OTHER: "x" });
  expect(passedSocket({})).toBeUndefined();
});

it.runIf(process.platform === "linux")("is refused where it is no listening TCP socket", () => {
  // Descriptor 3 of this process is a file, a pipe, or not open.
  expect(() => passedSocket({ ...variables })).toThrow("is no listening TCP socket");
  expect(() => passedSocket({ ...variables, LISTEN_FDS: "0" })).toThrow("systemd passes 0 sockets");
});
