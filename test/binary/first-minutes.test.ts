import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { expect, it } from "vitest";
import { binary, cleanEnv, freshFolder, mcpctl, must, startBinary, textOf } from "../support/binary.ts";
import { goodProvider, upstream } from "../support/upstream.ts";

const key = "sk-first-minutes-0123456789";

/** The commands that the README tells a newcomer to run. */
async function firstMinutes() {
  const provider = upstream(goodProvider);
  const server = await startBinary();
  await must(server.run("create secret openai --data api-key=-", { input: `${key}\n` }));
  const llm = await server.run(
    `create llm gpt --type openai --model up --url ${provider.url} --api-key-ref openai/api-key --description cheap`,
  );
  const token = await must(server.run("create token laptop --bind role:run,resource:llms"));
  return { provider, server, llm, bearer: /^mcpctl_\w+$/m.exec(token)?.[0] ?? token };
}

it("goes from nothing to answers for curl and both SDKs, with a secret, an llm and a token", async () => {
  const { provider, server, llm, bearer } = await firstMinutes();
  expect(llm).toEqual({
    code: 0,
    stderr: "",
    stdout: expect.stringMatching(/^llm 'gpt' created \(id: llm_\w{26}\)\n$/),
  });
  // The key was tried once, when the llm was made.
  expect(provider.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /v1/models"]);

  const body = { model: "gpt", messages: [{ role: "user" as const, content: "hi" }] };
  if (Bun.which("curl")) {
    const words = ["-sS", "-N", `${server.url}/v1/chat/completions`, "-H", `authorization: Bearer ${bearer}`];
    const curl = Bun.spawn(
      [
        "curl",
        ...words,
        "-H",
        "content-type: application/json",
        "-d",
        JSON.stringify({ ...body, stream: true }),
      ],
      {
        stdout: "pipe",
      },
    );
    expect(await textOf(curl.stdout)).toMatch(/"content":"hel".*\n\n(.*\n\n)*data: \[DONE\]\n\n$/);
  }

  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: bearer });
  const whole = await openai.chat.completions.create(body);
  expect(whole.choices[0]!.message.content).toBe("hello there");
  let streamed = "";
  for await (const part of await openai.chat.completions.create({ ...body, stream: true }))
    streamed += part.choices[0]?.delta.content ?? "";
  expect(streamed).toBe("hello");
  expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(["gpt"]);

  const anthropic = new Anthropic({ baseURL: server.url, apiKey: bearer });
  const message = await anthropic.messages.create({ ...body, max_tokens: 100 });
  expect(message.content).toEqual([expect.objectContaining({ type: "text", text: "hello there" })]);
  const stream = anthropic.messages.stream({ ...body, max_tokens: 100 });
  expect(await stream.finalText()).toBe("hello");

  expect(new Set(provider.seen.map(({ headers }) => headers["authorization"]))).toEqual(
    new Set([`Bearer ${key}`]),
  );
  expect(JSON.stringify(provider.seen)).not.toContain(bearer);
  const { body: events } = await server.admin("GET", "/api/v1/audit?action=llm_inference_call");
  expect(events).toHaveLength(Bun.which("curl") ? 5 : 4);
  expect(events[0]).toMatchObject({ llm: "gpt", status: 200, user: "admin", promptTokens: 7 });
});

it("shows the catalogue and the log of calls: get, describe, audit", async () => {
  const { server } = await firstMinutes();
  const table = await must(server.run("get llms"));
  expect(table).toMatch(
    /^NAME +POOL +TYPE +MODEL .*STATUS +KEY +ID\ngpt +- +openai +up .*active +secret:\/\/openai\/api-key +llm_\w+\n$/,
  );
  expect(table).not.toContain("\x1b");
  const shown = await must(server.run("describe llm gpt"));
  expect(shown).toMatch(/^=== LLM: gpt ===\n/);
  expect(shown).toMatch(/API Key:\n +Secret: +openai\n +Key: +api-key\n/);
  expect(await must(server.run("get llm/gpt -o jsonpath={.model}"))).toBe("up");
  expect(await must(server.run("get all -o name"))).toContain("llm/gpt\n");
});

/** One of every kind, with what the kinds can hold. */
const everyKind = `
secretbackends: [{ name: second, type: plaintext, description: "Kept apart: yes" }]
secrets:
  - { name: openai, data: { api-key: sk-abc, "true": "on" } }
  - { name: elsewhere, backend: second, data: { k: "1" } }
llms:
  - { name: gpt, type: openai, model: "007", apiKeyRef: { name: openai, key: api-key }, poolName: big }
  - name: local
    type: vllm
    model: qwen
    url: http://127.0.0.1:1
    poolName: big
    visibility: private
    extraConfig: { timeouts: { connect: 1 }, allowModelOverride: true }
users: [{ name: alice, displayName: "Alice: \\"the\\" one" }, { name: bob }]
groups: [{ name: friends, members: [alice, bob] }]
servers:
  - { name: git, url: "http://127.0.0.1:1/mcp", replicas: 0 }
  - { name: "on", url: "http://127.0.0.1:1/mcp", replicas: 0 }
projects:
  - { name: website, description: "- not a list", prompt: "one\\n  two\\n\\n", llmProvider: none }
  - { name: null-like, llmProvider: gone, servers: [git, "on"] }
rbac:
  - name: friends-run
    subjects: [{ kind: Group, name: friends }, { kind: User, name: bob }]
    roleBindings: [{ role: view, resource: llms }, { role: run, resource: llms, name: gpt }]
tokens:
  - { name: laptop, expiresAt: 2099-01-01T00:00:00Z, roleBindings: [{ role: run, resource: llms }] }
  - { name: laptop, project: website, roleBindings: [{ role: run, resource: llms, name: gpt }] }
`;

it("applies its own export of every kind without a change", async () => {
  const server = await startBinary();
  const first = await must(server.run("apply -f -", { input: everyKind }));
  expect(first.match(/ created/g)).toHaveLength(15);
  // Backends are checked again and again.
  const all = async () =>
    (await must(server.run("get all -o json"))).replaceAll(/"checkedAt": "[^"]+"/g, '"checkedAt": ""');
  const before = await all();
  const yaml = await must(server.run("get all -o yaml"));
  expect(new Set(yaml.match(/^kind: \w+/gm))).toHaveLength(10);
  expect(yaml).not.toContain("sk-abc");

  const again = await must(server.run("apply -f -", { input: yaml }));
  const lines = again.trimEnd().split("\n");
  expect(lines).toHaveLength(yaml.match(/^kind: /gm)!.length);
  expect(lines.filter((line) => !/ unchanged$/.test(line))).toEqual([]);
  expect(await all()).toBe(before);
  expect(await must(server.run("diff -f -", { input: yaml }))).toBe("");

  // On a server that has nothing yet it makes the same things, but for secrets, whose values it does not hold.
  const other = await startBinary();
  const copied = await other.run("apply -f -", { input: yaml });
  expect(copied).toMatchObject({ code: 1, stderr: expect.not.stringContaining("should not happen") });
  const withoutSecrets = (text: string) =>
    text.split(/^---\n/m).filter((part) => !/^kind: (secret|llm|rbac|token)\n/.test(part));
  expect(withoutSecrets(await must(other.run("get all -o yaml")))).toEqual(withoutSecrets(yaml));
});

it("edits with the editor of the environment, refuses a stale version and keeps the text", async () => {
  const { server } = await firstMinutes();
  const folder = freshFolder();
  const editor = (name: string, script: string) => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o700);
    return { EDITOR: path, TMPDIR: folder };
  };
  const leftovers = () => readdirSync(folder).filter((name) => name.startsWith("mcpctl-edit-"));

  const untouched = await server.run("edit llm gpt", { env: editor("nothing", "true") });
  expect(untouched).toMatchObject({ code: 0, stdout: "", stderr: "Edit cancelled, nothing was changed.\n" });

  const seen = join(folder, "seen");
  const change = editor("change", `stat -c %a "$1" >${seen}; cat "$1" >>${seen}; sed -i s/cheap/dear/ "$1"`);
  expect(await must(server.run("edit llm gpt", { env: change }))).toBe("llm 'gpt' edited\n");
  expect(await must(server.run("get llm gpt -o jsonpath={.description}"))).toBe("dear");
  expect(readFileSync(seen, "utf8")).toMatch(/^600\n# Edit llm "gpt"/);
  expect(leftovers()).toEqual([]);

  const other = `HOME=${server.home} ${binary} patch llm gpt description=theirs >/dev/null`;
  const stale = await server.run("edit llm gpt", {
    env: editor("stale", `${other}; sed -i s/dear/mine/ "$1"`),
  });
  expect(stale).toMatchObject({ code: 1, stdout: "" });
  const kept = /your text is in (\S+)/.exec(stale.stderr)![1]!;
  expect(readFileSync(kept, "utf8")).toContain("mine");
  expect(statSync(join(kept, "..")).mode & 0o777).toBe(0o700);
  expect(await must(server.run("get llm gpt -o jsonpath={.description}"))).toBe("theirs");

  const broken = await server.run("edit llm gpt", { env: editor("broken", "exit 3") });
  expect(broken.code).toBe(1);
});

it("deletes, and names what still refers to an object, or the nearest existing name", async () => {
  const { server } = await firstMinutes();
  await must(server.run("create group friends --member admin"));
  expect(await must(server.run("delete group/friends token/laptop"))).toBe(
    "group 'friends' deleted\ntoken 'laptop' deleted\n",
  );
  expect(await server.run("delete llm gtp")).toMatchObject({
    code: 3,
    stdout: "",
    stderr: expect.stringContaining('did you mean "gpt"?'),
  });
  expect(await must(server.run("delete secret openai"))).toBe("secret 'openai' deleted\n");
  expect(await must(server.run("get llm gpt -o jsonpath={.apiKeyRef}"))).toBe("null");
  expect(await must(server.run("delete llm gpt"))).toBe("llm 'gpt' deleted\n");
  expect(await server.run("get llms")).toEqual({ code: 0, stdout: "", stderr: "No llms found.\n" });
});

it("logs a user in and out, who may do what was granted and no more (T31)", async () => {
  const server = await startBinary();
  const home = freshFolder();
  const alice = (line: string, input?: string) =>
    mcpctl(`${line} --server ${server.url}`, { home, ...(input && { input }) });
  await must(server.run("create user alice --password-stdin", { input: "correct horse\n" }));
  await must(server.run("create llm gpt --type openai --model up --skip-auth-check"));
  const grant = "create rbac alice --subject User:alice --roleBindings role:run,resource:llms,name:gpt";
  await must(server.run(`${grant} --roleBindings role:view,resource:llms`));

  const wrong = await alice("login --user alice --password-stdin", "wrong horse\n");
  expect(wrong).toMatchObject({
    code: 4,
    stdout: "",
    stderr: expect.stringContaining("wrong user or password"),
  });
  expect(existsSync(join(home, ".mcpctl/credentials.json"))).toBe(false);
  expect((await alice("login --user alice --password hunter22")).code).toBe(2);

  expect(await must(alice("login --user alice --password-stdin", "correct horse\n"))).toContain("as alice\n");
  expect(statSync(join(home, ".mcpctl/credentials.json")).mode & 0o777).toBe(0o600);
  expect(statSync(join(home, ".mcpctl")).mode & 0o777).toBe(0o700);
  expect(JSON.parse(await must(alice("whoami -o json")))).toMatchObject({
    kind: "User",
    user: "alice",
    admin: false,
  });
  expect(await alice("auth can-i run llms/gpt")).toEqual({ code: 0, stdout: "yes\n", stderr: "" });
  expect(await alice("auth can-i run llms/other")).toEqual({ code: 1, stdout: "no\n", stderr: "" });
  expect(await alice("auth can-i create secrets")).toEqual({ code: 1, stdout: "no\n", stderr: "" });
  expect(await alice("create group g")).toMatchObject({ code: 4, stdout: "" });

  const { token } = JSON.parse(readFileSync(join(home, ".mcpctl/credentials.json"), "utf8"));
  expect(await must(alice("logout"))).toMatch(/^logged out of http:/);
  expect((await alice("whoami")).code).toBe(4);
  // The server has forgotten the session as well, not only this machine.
  expect((await server.call("GET", "/api/v1/auth/whoami", { bearer: token })).status).toBe(401);
});

it("completes in bash: verbs, flags, kinds and live names", async () => {
  const { server } = await firstMinutes();
  const script = await must(server.run("completion bash"));
  const complete = async (...words: string[]) => {
    const drive = `${script}
complete -p mcpctl >/dev/null || exit 9
COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
_mcpctl 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = cleanEnv(server.home);
    const bash = Bun.spawn(["bash", "-c", drive, "bash", "mcpctl", ...words], {
      env: { ...env, PATH: `${join(binary, "..")}:${env["PATH"]}` },
      stdout: "pipe",
    });
    return (await textOf(bash.stdout)).trimEnd().split("\n");
  };
  expect(await complete("des")).toEqual(["describe"]);
  expect(await complete("get", "secretb")).toEqual(["secretbackends"]);
  // A server that takes longer than a person waits is passed over.
  await expect.poll(() => complete("get", "llm", "")).toEqual(["gpt"]);
  expect(await complete("delete", "llm/g")).toEqual(["llm/gpt"]);
  expect(await complete("create", "llm", "x", "--tie")).toEqual(["--tier"]);
  expect(await complete("get", "llms", "--server", "http://127.0.0.1:1", "")).toEqual([""]);
  for (const shell of ["zsh", "fish"])
    expect(await must(server.run(`completion ${shell}`))).toContain("mcpctl __complete --");
});

it("completes live names through __complete, and nothing when there is no server", async () => {
  const { server } = await firstMinutes();
  const offer = (...words: string[]) => must(server.run(["__complete", "--", ...words]));
  await expect.poll(() => offer("describe", "token", "")).toBe("laptop\n");
  expect(await offer("get", "")).toContain("llms\tA model that can be called");
  const alone = await mcpctl(["__complete", "--", "get", "llm", ""]);
  expect(alone).toEqual({ code: 0, stdout: "", stderr: "" });
});
