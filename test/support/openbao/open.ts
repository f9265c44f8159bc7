import { onTestFinished } from "vitest";
import type { AtEnd } from "../binary.ts";
import { callOf } from "./call.ts";
import { type FakeOptions, fakeBao } from "./fake.ts";
import type { TestBao } from "./types.ts";

export { fakeBao };

const { MCPCTL_TEST_OPENBAO_ADDR: url, MCPCTL_TEST_OPENBAO_TOKEN: token } = process.env;

/** True if the tests run against a real server. Then a test must not break it for others. */
export const isReal = Boolean(url && token);

/**
 * Opens the real server of MCPCTL_TEST_OPENBAO_ADDR, with the token in MCPCTL_TEST_OPENBAO_TOKEN; the fake of this
 * folder if they are not set. Either has a new engine for this test, which is removed at its end.
 */
export async function openBao(options: FakeOptions = {}, atEnd: AtEnd = onTestFinished): Promise<TestBao> {
  const server = url && token ? { url, token, call: callOf(url, token) } : await fakeBao(options, atEnd);
  const mount = `test-${crypto.randomUUID().slice(0, 8)}`;
  const made = await server.call("POST", `sys/mounts/${mount}`, { type: "kv", options: { version: "2" } });
  if (made.status !== 204) throw new Error(`no engine could be made at ${mount}: ${made.status}`);
  atEnd(async () => {
    await server.call("DELETE", `sys/mounts/${mount}`).catch(() => undefined);
  });
  return { url: server.url, token: server.token, call: server.call, mount };
}
