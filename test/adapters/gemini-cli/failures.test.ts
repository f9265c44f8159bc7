import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { transportFailure } from "../../../src/server/inference/failure.ts";
import { errorOf } from "../../support/error-of.ts";
import { framesOf, gemini, isThere, key, path, streamed, until } from "./test-gemini.ts";

describe("a run of the gemini command without a response", () => {
  it.each([
    ["status:429", "too_many_requests", 429],
    ["status:400", "invalid_request", 400],
    ["status:404", "invalid_request", 404],
    ["status:401", "provider_rejected_credential", 502],
    ["status:403", "provider_rejected_credential", 502],
    ["status:500", "provider_error", 500],
    ["status:503", "provider_error", 503],
    ["status:1", "provider_error", 502],
    ["status:42", "invalid_request", 400],
    ["bad-key", "provider_rejected_credential", 502],
    ["offline", "provider_unreachable", 502],
    ["blocked", "provider_error", 502],
    ["loop", "provider_error", 502],
    ["exit:1", "provider_error", 502],
    ["exit:41", "provider_rejected_credential", 502],
    ["exit:42", "invalid_request", 400],
    ["exit:44", "provider_error", 502],
    ["exit:52", "provider_error", 502],
    ["exit:53", "provider_error", 502],
    ["exit:55", "provider_error", 502],
    ["exit:127", "not_supported", 501],
    ["killed", "provider_error", 502],
    ["garbage", "provider_error", 502],
    ["quit", "provider_error", 502],
    ["half:0", "provider_error", 502],
    ["half:1", "provider_error", 502],
  ])("that does %s fails with %s", async (mode, code, status) => {
    const cli = gemini();
    const failure = await errorOf(cli.call(mode));
    expect(failure).toMatchObject({ name: "AppError", code, status });
    // It shows no key, no directory of the run, and no stack of the program (T20, T28, T35).
    expect(failure.message).not.toMatch(/never-to-be-seen|\/runs\/|x\.js|Warning:/);
    expect(Bun.inspect(failure)).not.toContain(key);
    expect(failure.message.length).toBeLessThanOrEqual(1000);
    expect(failure.message).not.toMatch(/[\n\r]/);
    await until(() => cli.left().length === 0);
  });

  it("fails with the text of its stderr and the meaning of its exit code", async () => {
    const { call } = gemini();
    expect((await errorOf(call("exit:1"))).message).toMatch(/^it broke with \[redacted\] y+$/);
    expect((await errorOf(call("exit:53"))).message).toMatch(/^gemini reached its limit of turns: it broke/);
    expect((await errorOf(call("killed"))).message).toContain("SIGKILL");
    expect((await errorOf(call("quit"))).message).toBe("gemini ended with code 0 and no response");
    expect((await errorOf(call("blocked"))).message).toContain("safety settings");
    expect((await errorOf(call("status:429"))).message).toContain("it says [redacted] at …/work");
  });

  it("fails the call before the stream begins, and the stream once it has begun", async () => {
    const { call } = gemini();
    expect(await errorOf(call("status:429", { body: streamed() }))).toMatchObject({ status: 429 });
    const answer = await call("half:1", { body: streamed() });
    const heard: string[] = [];
    const error = await new Promise<Error>((resolve, reject) => {
      answer.pipe({ data: (bytes) => heard.push(bytes.toString()), end: reject, error: resolve });
    });
    expect(framesOf(heard.join(""))).toHaveLength(1);
    expect(transportFailure(error)).toMatchObject({ code: "provider_error" });
    expect(answer.over).toBe(true);
  });

  it("is stopped after its time limit, before its first words and between two parts", async () => {
    const cli = gemini();
    let pids: number[] = [];
    // On a busy machine it has not begun within the first limit.
    for (let firstByte = 250; pids.length < 2; firstByte *= 2) {
      const first = await errorOf(cli.call("hang:a", { timeouts: { firstByte, silence: 60_000 } }));
      expect(first).toMatchObject({ code: "provider_timeout", status: 504 });
      pids = cli.writtenPids("a");
    }
    const answer = await cli.call("hang-after-words:b", {
      body: streamed(),
      timeouts: { firstByte: 60_000, silence: 300 },
    });
    expect(await errorOf(answer.text(1_000_000))).toMatchObject({ code: "provider_timeout" });
    for (const pid of [...pids, ...(await cli.pids("b", 2))]) await until(() => !isThere(pid));
    await until(() => cli.left().length === 0);
  });

  it("is stopped when it writes more than 64 MiB", async () => {
    const cli = gemini();
    const failure = await errorOf(cli.call(`flood:${100 * 1024 * 1024}`));
    expect(failure).toMatchObject({ code: "provider_error" });
    expect(failure.message).toContain("more than 67108864 bytes");
    await until(() => cli.left().length === 0);
    expect(readFileSync(cli.file("sent")).length * 64 * 1024).toBeLessThan(70 * 1024 * 1024);
  });

  it("is not started without a command", async () => {
    const cli = gemini({ path: "/usr/bin:/bin" });
    const failure = await errorOf(cli.call("words:a"));
    expect(failure).toMatchObject({ code: "not_supported", status: 501 });
    expect(failure["hint"]).toContain("npm install -g @google/gemini-cli");
    const named = gemini({ command: "/nowhere/gemini" });
    expect(await errorOf(named.call("words:a"))).toMatchObject({ code: "not_supported" });
    await until(() => named.left().length === 0);
    expect(() => gemini({ command: "gemini" })).toThrow("must be absolute");
  });

  it("is not started for a file that may not be run, or a model name that could be an option (T10)", async () => {
    const cli = gemini();
    for (const model of ["--yolo", "-y", "", "a b", "a\nb", "a;b", "$HOME", "ä"])
      expect(await errorOf(cli.call(model))).toMatchObject({ code: "invalid_request" });
    expect(existsSync(cli.directory)).toBe(false);
    const plain = cli.file("gemini");
    writeFileSync(plain, "no program");
    chmodSync(plain, 0o600);
    expect(await errorOf(gemini({ command: plain }).call("words:a"))).toMatchObject({
      code: "not_supported",
    });
  });

  it("is not started for a request that the command cannot express", async () => {
    const cli = gemini();
    const body = { messages: [{ role: "user", content: "Hi" }], tools: [{ type: "function" }] };
    expect(await errorOf(cli.call("words:a", { body }))).toMatchObject({
      code: "invalid_request",
      details: [{ path: "/tools" }],
    });
    expect(existsSync(cli.directory)).toBe(false);
  });
});

describe("a caller of the gemini command who disconnects", () => {
  it("ends the whole process group, before the response begins", async () => {
    const cli = gemini();
    const controller = new AbortController();
    const failure = errorOf(cli.call("hang:pids", { signal: controller.signal }));
    const pids = await cli.pids("pids", 2);
    expect(pids.every(isThere)).toBe(true);
    controller.abort();
    expect(transportFailure(await failure)).toMatchObject({ code: "client_closed_request" });
    // The second one ignores SIGTERM. No zombie may be left either.
    for (const pid of pids) await until(() => !isThere(pid));
    await until(() => cli.left().length === 0);
  });

  it("ends it in the middle of a stream, by signal or by cancel", async () => {
    for (const how of ["signal", "cancel"]) {
      const cli = gemini();
      const controller = new AbortController();
      const answer = await cli.call("hang-after-words:pids", { body: streamed(), signal: controller.signal });
      const failure = errorOf(answer.text(1_000_000));
      const pids = await cli.pids("pids", 2);
      if (how === "signal") controller.abort();
      else answer.cancel();
      expect(transportFailure(await failure)).toMatchObject({ code: "client_closed_request" });
      for (const pid of pids) await until(() => !isThere(pid));
      await until(() => cli.left().length === 0);
    }
  });

  it("has a process that ignores SIGTERM killed after 2 s", async () => {
    const cli = gemini();
    const controller = new AbortController();
    const failure = errorOf(cli.call("stubborn:pids", { signal: controller.signal }));
    const [pid] = await cli.pids("pids", 1);
    const asked = performance.now();
    controller.abort();
    await failure;
    await until(() => existsSync(cli.file("pids.asked")));
    await until(() => !isThere(pid!));
    expect(performance.now() - asked).toBeGreaterThan(1_900);
    await until(() => cli.left().length === 0);
  });

  it("starts nothing when the signal has aborted before", async () => {
    const cli = gemini();
    const failure = await errorOf(cli.call("words:a", { signal: AbortSignal.abort() }));
    expect(transportFailure(failure)).toMatchObject({ code: "client_closed_request" });
    expect(existsSync(cli.directory)).toBe(false);
  });

  it("is not needed to end a process that a run leaves behind", async () => {
    const cli = gemini();
    const answer = await cli.call("leaves-child:pids");
    expect(await answer.text(1_000_000)).toContain("done");
    for (const pid of await cli.pids("pids", 2)) await until(() => !isThere(pid));
    await until(() => cli.left().length === 0);
  });
});

describe("a server that cannot write to its disk", () => {
  it("answers unavailable until it can", async () => {
    const cli = gemini();
    const base = cli.file("file");
    writeFileSync(base, "not a directory");
    const other = gemini({ directory: `${base}/runs` });
    expect(await errorOf(other.call("words:a"))).toMatchObject({ code: "unavailable", retryAfter: 30 });
    rmSync(base);
    expect(await (await other.call("words:a")).text(10_000)).toContain('"content":"a"');
  });

  it("keeps the runs that are under way", async () => {
    let id = "a";
    const cli = gemini({ randomId: () => id });
    const running = cli.call("gate:open");
    await until(() => existsSync(cli.file("log")));
    id = "nowhere/b";
    expect(await errorOf(cli.call("words:a"))).toMatchObject({ code: "unavailable" });
    id = "b";
    expect(await (await cli.call("words:a")).text(10_000)).toContain('"content":"a"');
    await Bun.write(cli.file("open"), "");
    expect(await (await running).text(10_000)).toContain("through");
  });
});

describe("closing the gemini command", () => {
  it("ends every run, refuses the calls that wait, and refuses new ones", async () => {
    const cli = gemini({ maxProcesses: 1 });
    const running = errorOf(cli.call("hang:pids"));
    const pids = await cli.pids("pids", 2);
    const waiting = errorOf(cli.call("words:a"));
    await cli.close();
    expect(pids.some(isThere)).toBe(false);
    expect(cli.left()).toEqual([]);
    expect(await running).toMatchObject({ code: "unavailable" });
    expect(await waiting).toMatchObject({ code: "unavailable" });
    expect(await errorOf(cli.call("words:a"))).toMatchObject({ code: "unavailable" });
  });
});

describe("the version of the gemini command", () => {
  it("is what the command prints", async () => {
    const cli = gemini();
    expect(await cli.version(10_000)).toBe("0.61.0");
    expect(cli.left()).toEqual([]);
  });

  it("fails after its time limit, and when the command prints none", async () => {
    expect(await errorOf(gemini({ path: `/slow:${path}` }).version(300))).toMatchObject({
      code: "provider_timeout",
    });
    expect(await errorOf(gemini({ path: "/nowhere" }).version(300))).toMatchObject({
      code: "not_supported",
    });
    expect(await errorOf(gemini({ command: "/bin/ls" }).version(5_000))).toMatchObject({
      code: "provider_error",
    });
  });
});
