import { describe, expect, it } from "vitest";
import { addLlm, canary, withProvider } from "../../../server/inference/setup.ts";
import { cli } from "../../../support/cli/run-cli.ts";
import { must, type TestServer } from "../../../support/server.ts";
import { closedPort } from "../../../support/unreachable.ts";
import { goodProvider, reply, type Script, upstream } from "../../../support/upstream.ts";

const refuseWith =
  (status: number, error: object): Script =>
  (_, connection) =>
    connection.end(reply(status, { error }));

function run(server: TestServer, line: string) {
  return cli(line, { server: { url: `unix://${server.socketPath}` } });
}

/** The first words of the lines of a test: `ok reach`. */
function steps(stdout: string): string[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.split(/ +/).slice(0, 2).join(" "));
}

describe("mcpctl test llm", () => {
  it("tells that an llm works, and how fast it is", async () => {
    const { server, provider } = await withProvider(goodProvider);
    const { code, stdout, stderr } = await run(server, "test llm gpt");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(steps(stdout)).toEqual(["ok reach", "ok key", "ok model", "ok first", "ok speed"]);
    expect(stdout).toMatch(/first token after \d+ ms/);
    expect(provider.seen).toHaveLength(1);
    const { stdout: text } = await run(server, "test llm gpt -o json");
    expect(JSON.parse(text)).toMatchObject({ ok: true, firstTokenMs: expect.any(Number), tokens: 2 });
  });

  it.each([
    [
      "reach",
      { url: `http://127.0.0.1:${closedPort()}` },
      /the connection was refused \(http:\/\/127/,
      undefined,
    ],
    ["key", {}, /rejected the credential/, refuseWith(401, { message: `bad key ${canary}` })],
    [
      "key",
      { apiKeyRef: null },
      /wants a key, and this llm has none/,
      refuseWith(401, { message: "no key" }),
    ],
    ["model", {}, /no such model/, refuseWith(404, { message: "no such model", code: "model_not_found" })],
    ["answer", {}, /out of order/, refuseWith(500, { message: "out of order" })],
  ])("names the step that fails: %s", async (step, fields, words, script = goodProvider) => {
    const { server } = await withProvider(script, fields);
    const { code, stdout, stderr } = await run(server, "test llm gpt");
    expect(code).toBe(1);
    const all = ["reach", "key", "model", "answer"];
    const passed = all.slice(0, all.indexOf(step)).map((name) => `ok ${name}`);
    expect(steps(stdout)).toEqual([...passed, `fail ${step}`]);
    expect(stdout).toMatch(words);
    expect(stderr).toMatch(/^error: .*\n(hint: .*\n)?request: req_[a-z0-9]+\n$/);
    expect(stdout + stderr).not.toContain(canary);
    const { stdout: story } = await run(server, `audit ${/req_[a-z0-9]+/.exec(stderr)![0]}`);
    expect(story).toContain("gpt");
  });

  it("names no step for an llm that is not there, and prints no url to who may not see it", async () => {
    const { server, bearer } = await withProvider(goodProvider, { url: `http://127.0.0.1:${closedPort()}` });
    const { code, stdout, stderr } = await run(server, "test llm gtp");
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain('llm "gtp" not found');
    expect(stderr).toContain("Run: mcpctl get llms");
    const caller = await cli("test llm gpt", { server, env: { MCPCTL_TOKEN: bearer } });
    expect([caller.code, caller.stdout.includes("127.0.0.1")]).toEqual([1, false]);
  });
});

describe("the health of an llm", () => {
  const health = async (server: TestServer) =>
    (await must(server.admin("GET", "/api/v1/llms/gpt"))).body.health;

  it("is that of its last call or probe, with the last error", async () => {
    let script: Script = goodProvider;
    const { server, call } = await withProvider((seen, connection) => script(seen, connection));
    expect(await health(server)).toBeNull();
    const ask = () =>
      call("POST", "/v1/chat/completions", { model: "gpt", messages: [{ role: "user", content: "x" }] });
    await must(ask());
    const before = await health(server);
    expect(before).toMatchObject({ status: "ok", latencyMs: expect.any(Number), lastError: null });
    script = refuseWith(401, { message: "bad key" });
    await ask();
    await ask();
    const failing = await health(server);
    expect(failing).toMatchObject({
      status: "failing",
      lastError: { code: "provider_rejected_credential", message: "the provider rejected the credential" },
    });
    // A caller's own mistake says nothing about the llm.
    script = refuseWith(400, { message: "bad request of one caller" });
    await ask();
    expect(await health(server)).toEqual(failing);
    script = refuseWith(503, { message: "words for the caller" });
    await ask();
    const { since, lastError } = await health(server);
    expect([since, lastError.message]).toEqual([failing.since, "the provider answered with status 503"]);
    script = goodProvider;
    await must(ask());
    expect(await health(server)).toMatchObject({ status: "ok", lastError: { code: "provider_error" } });
    const { stdout } = await run(server, "describe llm gpt");
    expect(stdout).toMatch(
      /Health:\n {2}Status: +ok\n {2}Since: .*\n {2}Latency: +\d+ ms\n {2}Last Error: +the provider answered/,
    );
    expect(stdout).toMatch(/Last Calls:\n {2}\S+Z +admin +200 +\d+ ms +- +req_/);
    expect((await run(server, "get llms -o wide")).stdout).toMatch(/HEALTH[\s\S]* ok /);
    await must(server.admin("PUT", "/api/v1/llms/gpt", { model: "another" }));
    expect(await health(server)).toBeNull();
  });

  it("is found out when it is made, and shows nothing of the audit to who may not view it", async () => {
    const { server } = await withProvider(goodProvider);
    const { url } = upstream(refuseWith(401, { message: "bad key" }));
    await must(server.admin("POST", "/api/v1/llms", { name: "other", type: "openai", model: "m", url }));
    const { body } = await must(server.admin("GET", "/api/v1/llms/other"));
    expect(body.health).toMatchObject({ status: "failing" });
    await addLlm(server, { name: "third", url });
    const viewer = await server.token("viewer", [{ role: "view", resource: "llms" }]);
    const { code, stdout } = await cli("describe llm third", {
      server,
      env: { MCPCTL_TOKEN: viewer.bearer },
    });
    expect([code, stdout.includes("Last Calls")]).toEqual([0, false]);
    expect(stdout).toContain("unknown: not called yet, or changed since");
  });
});

it("delete secret names the llms that have lost their key, and those calls say so", async () => {
  const { server, call } = await withProvider(refuseWith(401, { message: "no key" }));
  await must(server.admin("POST", "/api/v1/secrets", { name: "spare", data: { k: canary } }));
  expect((await run(server, "delete secret spare")).stderr).toBe("");
  expect(await run(server, "delete secret key --dry-run")).toMatchObject({
    stdout: "secret 'key' deleted (dry run)\n",
    stderr: 'warning: llm "gpt" would lose its key\n',
  });
  const { code, stdout, stderr } = await run(server, "delete secret key");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "secret 'key' deleted\n" });
  expect(stderr).toBe('warning: llm "gpt" has lost its key: mcpctl patch llm gpt apiKeyRef=SECRET/KEY\n');
  const { body } = await call("POST", "/v1/chat/completions", {
    model: "gpt",
    messages: [{ role: "user", content: "x" }],
  });
  expect(body.error.message).toBe("the provider wants a key, and this llm has none");
});
