import { expect, it, onTestFinished } from "vitest";
import { ApiClient } from "../../../../src/cli/client/client.ts";
import { ConsoleSession } from "../../../../src/cli/cmd/console/console-session.ts";
import { scriptedHttp } from "../../../support/mcp/scripted-http.ts";

it("begins a session again that the server has forgotten, so that a call does not fail (failure mode 191)", async () => {
  const far = scriptedHttp();
  const { signal } = new AbortController();
  const session = new ConsoleSession({
    client: new ApiClient({ url: new URL(far.url).origin, token: "tok" }, { signal }),
    path: "/mcp",
    revision: "2025-11-25",
    signal,
    now: () => 0,
    onChange: () => undefined,
    onNotification: () => undefined,
  });
  onTestFinished(() => session.close());
  await session.connect();
  const call = () => session.request("tools/call", { name: "where" }, { signal });
  const text = (number: number) => ({ content: [{ type: "text", text: `session ${number} where` }] });
  expect(await call()).toMatchObject(text(1));
  far.forget();
  expect(await call()).toMatchObject(text(2));
  expect(session.lost).toBeUndefined();
  expect(far.seen.filter((method) => method === "initialize")).toHaveLength(2);
});
