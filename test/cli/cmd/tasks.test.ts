import { describe, expect, it } from "vitest";
import { withProvider } from "../../server/inference/setup.ts";
import { line, sdkAt } from "../../server/inference/tasks/batch-setup.ts";
import { cli as run } from "../../support/cli/run-cli.ts";
import { type Connection, chatFrames, chunk, lastChunk, reply, streamHead } from "../../support/upstream.ts";

const frames = chatFrames(["one ", "two"], true);

describe("a task on the command line", () => {
  it("is left with chat-llm --async, followed, waited for, described, and cancelled", async () => {
    const held: Connection[] = [];
    const { server, provider, bearer } = await withProvider(
      (seen, connection) => {
        if (seen.text.includes("refused"))
          return connection.write(reply(400, { error: { message: "no luck", type: "t" } }));
        held.push(connection);
        connection.write(streamHead + chunk(frames[0]! + frames[1]!));
      },
      {},
      { tick: 50 },
    );
    const cli = (words: string | readonly string[], more: object = {}) =>
      run(words, { server: { url: `unix://${server.socketPath}` }, ...more });
    const left = await cli(["chat-llm", "gpt", "--async", "--system", "be brief", "--set", "seed=7"], {
      stdin: "from a pipe",
    });
    expect(left).toMatchObject({ code: 0, stderr: "" });
    expect(left.stdout).toMatch(/^tsk_[0-9a-z]{26}\n$/);
    const id = left.stdout.trim();
    await expect.poll(() => held.length).toBe(1);
    expect(provider.seen[0]!.body).toMatchObject({
      model: "up",
      stream: true,
      seed: 7,
      messages: [
        { role: "system", content: "be brief" },
        { role: "user", content: "from a pipe" },
      ],
    });
    await expect.poll(async () => (await cli(`logs task/${id}`)).stdout).toBe("one \n");
    const followed = cli(`logs ${id} -f`);
    const waited = cli(`wait task/${id} --timeout 20s`);
    held[0]!.write(chunk(frames.slice(2).join("")) + lastChunk);
    expect(await followed).toMatchObject({ code: 0, stdout: "one two\n" });
    expect(await waited).toMatchObject({ code: 0, stdout: `task '${id}' has status completed\n` });
    const described = await cli(`describe task ${id}`);
    expect(described.stdout).toContain(`=== Task: ${id} ===\nLLM:`);
    expect(described.stdout).toMatch(
      /Status: +completed\n[\s\S]*Attempts: +1\n[\s\S]*\nAnswer:\n {2}one two\n$/,
    );
    expect(JSON.parse((await cli(`get task/${id} -o json`)).stdout)).toMatchObject({
      id,
      status: "completed",
      answer: { choices: [{ message: { content: "one two" } }] },
    });
    expect((await cli(`delete task/${id}`)).stdout).toBe(`task '${id}' had ended already: it is completed\n`);

    const { id: hangs } = JSON.parse((await cli("chat-llm gpt --async -m hello -o json")).stdout);
    await expect.poll(() => held.length).toBe(2);
    const stop = new AbortController();
    const watched = cli(`get tasks ${hangs} -w -o json`, {
      signal: stop.signal,
      onOutput: (text: string) => text.includes('"cancelled"') && stop.abort(),
    });
    expect(await cli(`wait task/${hangs} --timeout 50ms`)).toMatchObject({ code: 6 });
    expect((await cli(`delete task ${hangs}`)).stdout).toBe(`task '${hangs}' cancelled\n`);
    const lost = await cli(`wait task/${hangs}`);
    expect(lost).toMatchObject({ code: 1, stdout: "" });
    expect(lost.stderr).toContain(`task "${hangs}" is cancelled`);
    expect(await cli(`logs task/${hangs} -f`)).toMatchObject({ code: 1, stdout: "one \n" });
    const states = (await watched).stdout
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text).status);
    expect(states.at(-1)).toBe("cancelled");

    const failed = (await cli("chat-llm gpt --async refused")).stdout.trim();
    const { code, stderr } = await cli(`wait task/${failed} --for=status=completed --timeout 20s`);
    expect(code).toBe(1);
    expect(stderr).toContain(`task "${failed}" is failed: no luck`);
    expect((await cli(`describe task/${failed}`)).stdout).toMatch(/\nError:\n {2}no luck\n$/);

    const batch = await sdkAt(server.url, bearer).begin([line("a")]);
    expect((await cli(`describe task ${batch.id}`)).stdout).toContain(`=== Batch: ${batch.id} ===`);
    expect((await cli(`delete task ${batch.id}`)).stdout).toBe(`task '${batch.id}' cancelled\n`);
  });

  it("is refused where it would be none, and says so where there is none", async () => {
    const { server, provider } = await withProvider(() => {});
    const cli = (words: string, more: object = {}) =>
      run(words, { server: { url: `unix://${server.socketPath}` }, ...more });
    const none = "tsk_00000000000000000000000000";
    for (const words of [
      `get task ${none}`,
      `describe task ${none}`,
      `wait task/${none}`,
      `delete task ${none}`,
      `logs task/${none}`,
    ]) {
      const { code, stderr } = await cli(words);
      expect(code, words).toBe(3);
      expect(stderr, words).toContain(`task "${none}" not found`);
    }
    expect((await cli("delete task ..")).code).toBe(3);
    expect((await cli("chat-llm gpt --async", { answers: [] })).code).toBe(2);
    expect((await cli(`wait task/${none} --for=delete`)).code).toBe(2);
    expect((await cli("wait llm/gpt")).code).toBe(2);
    expect((await cli(`logs task/${none} --tail 5`)).code).toBe(2);
    expect((await cli("chat-llm gtp --async -m hi")).stderr).toContain("gpt");
    expect(provider.seen).toHaveLength(0);
  });
});
