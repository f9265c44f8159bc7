import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hello, prompt, withPersona } from "../../server/inference/personas/setup.ts";
import { withTools } from "../../server/inference/personas/tools/setup.ts";
import type { Keys } from "../../support/cli/fake-terminal.ts";
import { type CliOptions, cli, newHome } from "../../support/cli/run-cli.ts";
import { must, type TestServer } from "../../support/server.ts";
import { chatFrames, chunk, lastChunk, type Script, streamHead } from "../../support/upstream.ts";

/** Options for a command line on the Unix socket of `withPersona`. */
const at = (server: TestServer, around: CliOptions = {}): CliOptions => ({
  server: { url: `unix://${server.socketPath}` },
  ...around,
});

/** Streams these words as the answer. */
const streaming =
  (...words: string[]): Script =>
  (_, connection) => {
    connection.write(streamHead);
    for (const frame of chatFrames(words, true)) connection.write(chunk(frame));
    connection.write(lastChunk);
  };

describe("chat with one message", () => {
  it("prints the answer on stdout and nothing else", async () => {
    const { server, provider } = await withPersona();
    for (const [line, around] of [
      [["chat", "reviewer", "-m", "hello"], {}],
      [["chat", "reviewer", "-m", "-"], { stdin: "hello" }],
      [["chat", "reviewer"], { stdin: "hello" }],
      [["chat-llm", "gpt", "-m", "hello"], {}],
    ] as const) {
      const { code, stdout, stderr } = await cli(line, at(server, around));
      expect({ code, stdout, stderr }, line.join(" ")).toEqual({ code: 0, stdout: "hello\n", stderr: "" });
    }
    const sent = provider.seen.map(({ body }) => body.messages);
    const asAgent = [{ role: "system", content: prompt }, hello];
    expect(sent).toEqual([asAgent, asAgent, asAgent, [hello]]);
  });

  it("sends the system prompt and the parameters with their types", async () => {
    const { server, provider } = await withPersona();
    const flags = [
      "--system",
      "Be brief.",
      "--set",
      "temperature=0.5",
      "--set",
      "stop=END",
      "--set",
      "seed=7",
    ];
    await cli(["chat-llm", "gpt", "-m", "hello", ...flags], at(server));
    expect(provider.seen[0]!.body).toMatchObject({
      messages: [{ role: "system", content: "Be brief." }, hello],
      temperature: 0.5,
      stop: "END",
      seed: 7,
    });
    const refused = await cli(["chat-llm", "gpt", "-m", "hello", "--set", "messages=[]"], at(server));
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("messages cannot be set")]);
    expect(provider.seen).toHaveLength(1);
  });

  it("prints the whole answer as JSON with -o json", async () => {
    const { server } = await withPersona();
    const { stdout, stderr, code } = await cli("chat reviewer -m hello -o json --thread new", at(server));
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toEqual({
      agent: "reviewer",
      thread: expect.stringMatching(/^thr_/),
      message: { role: "assistant", content: "hello there" },
      finishReason: "stop",
      usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    });
    const talk = await cli("chat reviewer -o json", at(server, { answers: [] }));
    expect([talk.code, talk.stderr]).toEqual([2, expect.stringContaining("-o json needs one message")]);
  });

  it("exits with the code of the error", async () => {
    const { server, bearer } = await withPersona();
    const asBob = (line: string) => cli(line, { server, env: { MCPCTL_TOKEN: bearer } });
    for (const [outcome, code, words] of [
      [
        cli("chat reviewr -m hello", at(server)),
        3,
        'error: agent "reviewr" not found\nhint: did you mean "reviewer"?',
      ],
      [cli("chat-llm gtp -m hello", at(server)), 3, 'error: llm "gtp" not found\nhint: did you mean "gpt"?'],
      [asBob("chat-llm gpt -m hello"), 4, 'error: you may not run llm "gpt"'],
      [cli("chat reviewer -m hello --thread thr_none", at(server)), 3, 'error: thread "thr_none" not found'],
      [cli(["chat", "reviewer", "-m", " "], at(server)), 2, "the message is empty"],
      [cli("chat ../llms -m hello", at(server)), 3, "not found"],
      [cli("chat gpt -m hello", at(server)), 3, 'hint: "gpt" is an llm: mcpctl chat-llm gpt\n'],
      [
        cli("chat-llm reviewer -m hello", at(server)),
        3,
        'hint: "reviewer" is a persona: mcpctl chat reviewer\n',
      ],
      [cli("chat", at(server)), 2, "error: NAME is missing"],
    ] as const) {
      const { code: got, stderr, stdout } = await outcome;
      expect([got, stderr, stdout]).toEqual([code, expect.stringContaining(words), ""]);
    }
  });

  it("fails if the connection is lost, and prints the text before that", async () => {
    const [first, second] = chatFrames(["hel"], false);
    const cut: Script = (_, connection) => connection.end(streamHead + chunk(first! + second!));
    const { server } = await withPersona({}, { script: cut });
    const { code, stdout, stderr } = await cli("chat reviewer -m hello", at(server));
    expect([code, stdout]).toEqual([1, "hel\n"]);
    expect(stderr).toContain("error: the provider's response is not usable");
  });

  it("exits with 130 on Ctrl-C", async () => {
    const interrupt = new AbortController();
    const silent: Script = () => interrupt.abort();
    const { server } = await withPersona({}, { script: silent });
    const { code, stdout } = await cli("chat reviewer -m hello", at(server, { signal: interrupt.signal }));
    expect([code, stdout]).toEqual([130, ""]);
  });

  it("escapes control characters on a terminal and not in a pipe (T42)", async () => {
    const { server } = await withPersona({}, { script: streaming("\u001b[2J", "line\r", "\nend\u009b") });
    const piped = await cli("chat reviewer -m hello", at(server));
    expect(piped.stdout).toBe("\u001b[2Jline\r\nend\u009b\n");
    const shown = await cli("chat reviewer -m hello", at(server, { answers: [] }));
    expect(shown.stdout).toBe("\\e[2Jline\\r\nend\\u009b\n");
  });

  it("prints reasoning on a terminal's stderr and never on stdout", async () => {
    const thought = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { reasoning_content: "hm\u001b" } }] })}\n\n`;
    const [first, ...rest] = chatFrames(["so"], true);
    const thinking: Script = (_, connection) => {
      connection.write(streamHead);
      for (const frame of [first!, thought, ...rest]) connection.write(chunk(frame));
      connection.write(lastChunk);
    };
    const { server } = await withPersona({}, { script: thinking });
    const person = await cli("chat reviewer -m hello", at(server, { answers: [] }));
    expect([person.stdout, person.stderr]).toEqual(["so\n", "hm\\e\n(7 + 1 tokens)\n"]);
    expect(await cli("chat reviewer -m hello", at(server))).toMatchObject({ stdout: "so\n", stderr: "" });
  });
});

describe("a conversation on a terminal", () => {
  it("sends the earlier messages along until the user leaves", async () => {
    const { server, provider } = await withPersona();
    const answers = ["hello", "", "again \\", "and more", "/quit", "never"];
    const { code, stdout, prompts, stderr } = await cli("chat reviewer", at(server, { answers }));
    expect([code, stdout]).toEqual([0, "hello\nhello\n"]);
    expect(prompts).toEqual(["> ", "> ", "> ", "… ", "> ", "closed"]);
    expect(stderr).toContain("(7 + 2 tokens)");
    expect(provider.seen).toHaveLength(2);
    expect(provider.seen[1]!.body.messages).toEqual([
      { role: "system", content: prompt },
      hello,
      { role: "assistant", content: "hello" },
      { role: "user", content: "again \nand more" },
    ]);
    // Ctrl-D leaves too.
    expect((await cli("chat-llm gpt", at(server, { answers: [] }))).code).toBe(0);
  });

  it("ends at the first message if nothing has that name", async () => {
    const { server, provider } = await withPersona();
    const answers = ["/thread", "hello", "never"];
    const { code, stdout, stderr, prompts } = await cli("chat reviewr", at(server, { answers }));
    expect([code, stdout, prompts]).toEqual([3, "", ["> ", "> ", "closed"]]);
    expect(stderr).toMatch(
      /error: agent "reviewr" not found\nhint: did you mean "reviewer"\?.*\nrequest: req_\w+\n$/,
    );
    expect(provider.seen).toEqual([]);
  });

  it("runs its commands", async () => {
    const { server, provider } = await withPersona();
    const answers = [
      "/set temperature 0.2",
      "/set top_p 0.5",
      "/set",
      "/set top_p",
      "/system Be brief.",
      "hello",
      "/clear",
      "/system",
      "/set temperature",
      "hello",
      "/sett",
      "/set messages []",
      "/thread",
      "/help",
    ];
    const { code, stderr } = await cli("chat-llm gpt", at(server, { answers }));
    expect(code).toBe(0);
    expect(stderr).toContain("temperature 0.2\ntop_p 0.5\n");
    expect(stderr).toContain("error: unknown command /sett\nhint: did you mean /set?");
    expect(stderr).toContain("messages cannot be set: the conversation sets it");
    expect(stderr).toContain("the server does not keep this conversation");
    expect(stderr).toContain("/save [--force] FILE");
    const [first, second] = provider.seen.map(({ body }) => body);
    expect(first).toMatchObject({
      temperature: 0.2,
      messages: [{ role: "system", content: "Be brief." }, hello],
    });
    expect(first).not.toHaveProperty("top_p");
    expect(second.messages).toEqual([hello]);
    expect(second).not.toHaveProperty("temperature");
  });

  it("is saved to a new file that only its owner can read", async () => {
    const { server } = await withPersona();
    const home = newHome();
    const file = join(home, "talk.md");
    const answers = [
      "/system Be brief.",
      "hello",
      "/save talk.md",
      "/save talk.json",
      "/save none/talk.md",
      "/save",
    ];
    const { stderr } = await cli("chat reviewer", at(server, { home, answers }));
    const text = "# reviewer\n\n## system\n\nBe brief.\n\n## user\n\nhello\n\n## assistant\n\nhello\n";
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(JSON.parse(readFileSync(join(home, "talk.json"), "utf8"))).toEqual({
      agent: "reviewer",
      system: "Be brief.",
      messages: [hello, { role: "assistant", content: "hello" }],
    });
    for (const name of ["talk.md", "talk.json"]) expect(statSync(join(home, name)).mode & 0o777).toBe(0o600);
    expect(stderr).toContain("cannot write none/talk.md: ENOENT");
    expect(stderr).toContain("/save needs the name of a file");

    writeFileSync(file, "mine");
    const refused = await cli("chat reviewer", at(server, { home, answers: ["/save talk.md"] }));
    expect(refused.stderr).toContain("talk.md exists already\nhint: to overwrite it: /save --force talk.md");
    expect(readFileSync(file, "utf8")).toBe("mine");
    await cli("chat reviewer", at(server, { home, answers: ["/save --force talk.md"] }));
    expect(readFileSync(file, "utf8")).toBe("# reviewer\n");
  });

  it("keeps the typed lines for the next one in a file that only the user can read", async () => {
    const { server } = await withPersona();
    const home = newHome();
    const first = await cli("chat reviewer", at(server, { home, answers: ["hello", "hello", "/set"] }));
    expect(first.history).toEqual([]);
    const file = join(home, "chat-history");
    expect(readFileSync(file, "utf8")).toBe("hello\n/set\n");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const second = await cli("chat-llm gpt", at(server, { home, answers: [] }));
    expect(second.history).toEqual(["hello", "/set"]);
    // A single message is not kept.
    const other = newHome();
    await cli("chat reviewer -m hello", at(server, { home: other }));
    expect(existsSync(join(other, "chat-history"))).toBe(false);
  });

  it("stops the answer and drops the message at Ctrl-C, and ends at the second Ctrl-C", async () => {
    const keys: Keys = {};
    const gone = Promise.withResolvers<void>();
    let turn = 0;
    const script: Script = (request, connection) => {
      if (turn++ > 0) return streaming("fine")(request, connection);
      connection.write(streamHead + chunk(chatFrames(["hel"], false).slice(0, 2).join("")));
      void connection.closed.then(gone.resolve);
      keys.interrupt!();
    };
    const { server, provider } = await withPersona({}, { script });
    const answers = ["stop this", "hello", "^C", "/set", "^C", "^C", "never"];
    const { code, stderr, prompts } = await cli("chat reviewer", at(server, { answers, keys }));
    await gone.promise;
    expect(code).toBe(130);
    expect(stderr).toContain("Stopped. The message and the answer are not part of the conversation.");
    expect(prompts).toHaveLength(answers.length);
    expect(provider.seen[1]!.body.messages).toEqual([{ role: "system", content: prompt }, hello]);

    turn = 0;
    const left = await cli("chat reviewer", at(server, { answers: ["stop this", "^C", "never"], keys }));
    expect([left.code, left.prompts]).toEqual([130, ["> ", "> ", "closed"]]);
  });

  it("continues after an error", async () => {
    const { server } = await withPersona();
    await must(
      server.admin("POST", "/api/v1/llms?probe=false", {
        name: "down",
        type: "openai",
        model: "m",
        url: "http://127.0.0.1:1",
      }),
    );
    const { code, stderr } = await cli("chat-llm down", at(server, { answers: ["hello", "hello"] }));
    expect(code).toBe(0);
    expect(stderr.match(/error: the provider cannot be reached/g)).toHaveLength(2);
  });

  it("is kept by the server as a thread if that is wanted", async () => {
    const { server, provider } = await withPersona();
    const answers = ["/system Be brief.", "hello", "again", "/thread", "/clear", "hello"];
    const { stderr } = await cli("chat reviewer --thread new", at(server, { answers }));
    const { body: threads } = await must(server.admin("GET", "/api/v1/threads"));
    expect(threads.map(({ title }: { title: string }) => title)).toEqual(["hello", "hello"]);
    expect(stderr).toMatch(/thread thr_\w+, 5 messages/);
    const brief = { role: "system", content: "Be brief." };
    const answer = { role: "assistant", content: "hello" };
    const id = /thread (thr_\w+),/.exec(stderr)![1]!;
    const { body: first } = await must(server.admin("GET", `/api/v1/threads/${id}`));
    expect(first.messages).toEqual([brief, hello, answer, { role: "user", content: "again" }, answer]);

    const later = await cli(["chat", "reviewer", "--thread", id, "-m", "later"], at(server));
    expect([later.code, later.stdout]).toEqual([0, "hello\n"]);
    const last = provider.seen.at(-1)!.body.messages;
    expect(last).toEqual([
      { role: "system", content: prompt },
      ...first.messages,
      { role: "user", content: "later" },
    ]);
    const named = await cli(
      "chat reviewer",
      at(server, { answers: [`/thread ${id}`, "/thread new", "/thread"] }),
    );
    expect(named.stderr).toContain(`thread ${id}, 7 messages\nyour next message begins a thread\n`);
    const llm = await cli("chat-llm gpt", at(server, { answers: ["/thread new"] }));
    expect(llm.stderr).toContain("only personas have threads: use mcpctl chat");
  });
});

it("personas are created, shown and completed like every kind", async () => {
  const { server } = await withPersona();
  const run = (line: string | string[], around: CliOptions = {}) => cli(line, at(server, around));
  const flags = ["--llm", "gpt", "--system-prompt-file", "-", "--param", "temperature=0.2", "-d", "writes"];
  const made = await run(["create", "agent", "writer", ...flags], { stdin: "You write.\n" });
  expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^agent 'writer' created \(id: agt_/)]);
  const { stdout: table } = await run("get agents");
  expect(table.split("\n")[0]!.split(/\s+/)).toEqual(
    "NAME LLM VISIBILITY ORIGIN STATUS DESCRIPTION ID".split(" "),
  );
  expect(table).toMatch(/^writer +gpt +public +static +active +writes +agt_/m);
  expect((await run("describe agent writer")).stdout).toContain("=== Agent: writer ===");
  const { stdout: yaml } = await run("get agent writer -o yaml");
  expect((await run("apply -f -", { stdin: yaml })).stdout).toContain("unchanged");
  // The server has 150 ms to respond to it, so a busy machine may need several attempts.
  await expect.poll(async () => (await run(["__complete", "--", "chat", "w"])).stdout).toBe("writer\n");
  const refused = await run("delete llm gpt --force");
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining('still used by agent "reviewer"'),
  ]);
});

describe("chat with a persona that has tools", () => {
  const turns = [{ calls: [{ name: "greet", args: { name: "Ada" } }] }, { text: "Done." }];

  it("shows calls and results on a terminal, allows what it is told, and sends them back", async () => {
    const server = await withTools({ turns: [...turns, { text: "Again." }] });
    const around = { answers: ["hi", "again", "/exit"] };
    const { stdout, stderr, code } = await cli("chat helper --allow-tool greet", at(server, around));
    expect([code, stdout]).toEqual([0, "Done.\nAgain.\n"]);
    expect(stderr).toContain('calls greet {"name":"Ada"}\n');
    expect(stderr).toContain("greet returned: hello Ada\n");
    const { body } = server.provider.seen[2]!;
    expect(body.tools.map((tool: { function: { name: string } }) => tool.function.name)).toEqual(["greet"]);
    expect(body.messages.map(({ role }: { role: string }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "tool",
      "assistant",
      "user",
    ]);
  });

  it("prints only the answer where there is no terminal, and all of it with -o json", async () => {
    const server = await withTools({ turns: [...turns, ...turns, { text: "alone" }] });
    const plain = await cli(["chat", "helper", "-m", "hi"], at(server));
    expect([plain.code, plain.stdout, plain.stderr]).toEqual([0, "Done.\n", ""]);
    const json = await cli("chat helper -m hi -o json", at(server));
    expect(JSON.parse(json.stdout).message.executed_tools).toMatchObject([
      { name: "greet", output: "hello Ada" },
    ]);
    await cli("chat helper -m hi --allow-tool none", at(server));
    expect(server.provider.seen.at(-1)!.body).not.toHaveProperty("tools");
    const wrong = await cli(["chat", "helper", "-m", "hi", "--allow-tool", "a,b"], at(server));
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringContaining("--allow-tool takes the name of a tool"),
    ]);
  });
});
