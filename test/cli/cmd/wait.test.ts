import { expect, it } from "vitest";
import { cli } from "../../support/cli/run-cli.ts";
import { must, testServer } from "../../support/server.ts";

const llm = { name: "gpt", type: "openai", model: "m" };

/** A server with one llm, and a way to run `mcpctl wait` against it. */
async function serverWithLlm() {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
  const { bearer } = await server.token("t", [{ role: "view", resource: "llms" }]);
  const wait = (line: string, signal?: AbortSignal) =>
    cli(`wait ${line}`, { server, env: { MCPCTL_TOKEN: bearer }, ...(signal && { signal }) });
  /** Resolves when a client follows the changes. */
  const followed = () =>
    expect
      .poll(async () => (await server.admin("GET", "/metrics")).text)
      .toMatch(/mcpctl_open_streams [1-9]/);
  return { server, wait, followed };
}

it("wait exits at once if the condition holds", async () => {
  const { wait } = await serverWithLlm();
  const { code, stdout } = await wait("llm/gpt --for=status=active");
  expect([code, stdout]).toEqual([0, "llm 'gpt' has status active\n"]);
  expect((await wait("llm/gone --for=delete")).stdout).toBe("llm 'gone' is deleted\n");
});

it("wait prints the objects that it waited for with -o json, and those of before a time-out", async () => {
  const { wait } = await serverWithLlm();
  const one = JSON.parse((await wait("llm/gpt --for=status=active -o json")).stdout);
  expect(one).toMatchObject({ name: "gpt", model: "m", status: "active" });
  const gone = { kind: "llm", name: "gone", result: "deleted" };
  expect(JSON.parse((await wait("llm/gone --for=delete -o json")).stdout)).toEqual(gone);
  const several = await wait("llm/gpt llm/later --for=status=active -o json --timeout 50ms");
  expect([several.code, JSON.parse(several.stdout)]).toEqual([6, [{ kind: "llm", ...one }]]);
  const none = await wait("llm/later --for=status=active -o json --timeout 50ms");
  expect([none.code, none.stdout]).toEqual([6, ""]);
});

it("wait follows changes until every object has met the condition, also objects that are created later", async () => {
  const { server, wait, followed } = await serverWithLlm();
  const waiting = wait("llm gpt later --for=tier=heavy --timeout 20s");
  await followed();
  await must(server.admin("PUT", "/api/v1/llms/gpt", { tier: "heavy" }));
  await must(server.admin("PUT", "/api/v1/llms/gpt", { tier: "fast" }));
  await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "later", tier: "heavy" }));
  const { code, stdout, stderr } = await waiting;
  expect(stderr).toBe("");
  expect([code, stdout]).toEqual([0, "llm 'gpt' has tier heavy\nllm 'later' has tier heavy\n"]);
});

it("wait names the nearest object there is for a name that is probably mistyped", async () => {
  const { server, wait, followed } = await serverWithLlm();
  const waiting = wait("llm/gtp --for=status=active --timeout 20s");
  await followed();
  await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "gtp" }));
  const { code, stderr } = await waiting;
  expect([code, stderr]).toEqual([0, 'warning: there is no llm "gtp" yet; did you mean "gpt"?\n']);
});

it("wait refuses a value that the field never has, with the nearest one, instead of waiting for it", async () => {
  const { wait } = await serverWithLlm();
  const refusals: [string, string][] = [
    [
      "status=actve",
      '--for: status must be one of active, inactive, hibernating, not "actve"\nhint: did you mean "active"?',
    ],
    [
      "health.status=fine",
      '--for: health.status must be ok or failing, not "fine"\nhint: to see what they mean: mcpctl explain llm.health.status',
    ],
    ["{.tier}=heavvy", '--for: {.tier} must be fast or heavy, not "heavvy"\nhint: did you mean "heavy"?'],
    [
      "allowModelOverride=yes",
      '--for: allowModelOverride must be true or false, not "yes"\nhint: to see what they mean: mcpctl explain llm.allowModelOverride',
    ],
    ["delte", '--for: "delte" is not FIELD=VALUE or delete\nhint: did you mean "delete"?'],
  ];
  for (const [condition, text] of refusals) {
    const { code, stderr } = await wait(`llm/gpt --for=${condition} --timeout 1m`);
    expect([code, stderr]).toEqual([2, `error: ${text}\n`]);
  }
  // Null is a value of fields that can be missing, and free text is any.
  const { code } = await wait("llm/gpt --for=health=null");
  expect(code).toBe(0);
  expect((await wait("llm/gpt --for=model=other --timeout 200ms")).code).toBe(6);
});

it("wait --for=delete exits when the object is deleted", async () => {
  const { server, wait, followed } = await serverWithLlm();
  const waiting = wait("llm/gpt --for=delete --timeout 20s");
  await followed();
  await must(server.admin("DELETE", "/api/v1/llms/gpt"));
  expect((await waiting).code).toBe(0);
});

it("wait exits with 6 after the time limit and with 130 on Ctrl-C", async () => {
  const { wait, followed } = await serverWithLlm();
  const timedOut = await wait("llm/gpt --for=status=inactive --timeout 300ms");
  expect([timedOut.code, timedOut.stderr]).toEqual([6, "error: llm/gpt: not status inactive after 0.3 s\n"]);
  const half = await wait("llm/gpt llm/gone --for=status=active --timeout 300ms");
  expect([half.code, half.stderr]).toEqual([6, "error: llm/gone: not status active after 0.3 s\n"]);
  const unknown = await wait("llm/gpt --for=weather=fine --timeout 100ms");
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    'error: --for: llm has no field "weather"\nhint: to see its fields: mcpctl explain llm\n',
  ]);
  const stop = new AbortController();
  const waiting = wait("llm/gpt --for=status=inactive", stop.signal);
  await followed();
  stop.abort();
  expect((await waiting).code).toBe(130);
});

it.each([
  ["llm/gpt", "--for"],
  ["llm/gpt --for=active", "is not FIELD=VALUE or delete"],
  ["llms --for=delete", "the names of the llms are missing"],
  ["llm/gpt --for=sttus=active", 'llm has no field "sttus"\nhint: did you mean "status"?'],
])("%s is a mistake", async (line, words) => {
  const { wait } = await serverWithLlm();
  const { code, stderr } = await wait(line);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
});
