import { expect, it } from "vitest";
import { freshDatabase } from "../postgres.ts";
import { freshFolder, mcpctl, must, startBinary } from "../support/binary.ts";
import { goodProvider, upstream } from "../support/upstream.ts";

/** A change rings at the other servers at once; where that is missed they look every two seconds. */
const soon = { interval: 20 };

it("runs on PostgreSQL: create, get, call, and all of it there after a restart", async () => {
  const env = { MCPCTL_DATABASE_URL: await freshDatabase() };
  const provider = upstream(goodProvider);
  const server = await startBinary({ env });
  await must(server.run("create secret openai --data api-key=-", { input: "sk-postgres-0123456789" }));
  await must(
    server.run(`create llm gpt --type openai --model up --url ${provider.url} --api-key-ref openai/api-key`),
  );
  const { token: bearer } = JSON.parse(
    await must(server.run("create token t --bind role:run,resource:llms -o json")),
  );
  const body = { model: "gpt", messages: [{ role: "user", content: "hi" }] };
  const answer = await server.call("POST", "/v1/chat/completions", { bearer, body });
  expect(answer.body.choices[0].message.content).toBe("hello there");
  expect(provider.seen.at(-1)!.headers["authorization"]).toBe("Bearer sk-postgres-0123456789");
  const before = await must(server.run("get all -o yaml"));
  expect(await must(server.run("apply -f -", { input: before }))).not.toMatch(/created|configured|failed/);
  expect(server.said.stderr).toContain("data: PostgreSQL\n");
  expect(server.said.stderr).not.toContain("postgres://");
  server.kill("SIGTERM");
  expect(await server.ended).toBe(0);

  const next = await startBinary({ env });
  expect(await must(next.run("get all -o yaml"))).toBe(before);
  const { body: events } = await next.admin("GET", "/api/v1/audit?action=llm_inference_call");
  expect(events).toEqual([expect.objectContaining({ llm: "gpt", status: 200, user: "admin" })]);
});

it("serves one database from two servers, which see what the other changes", async () => {
  const env = { MCPCTL_DATABASE_URL: await freshDatabase() };
  const [one, two] = await Promise.all([startBinary({ env }), startBinary({ env })]);
  const made = await one.admin("POST", "/api/v1/tokens", {
    name: "t",
    roleBindings: [{ role: "view", resource: "groups" }],
  });
  const bearer: string = made.body.token;
  const groups = async (server: typeof two) =>
    (await server.call("GET", "/api/v1/groups", { bearer })).status;
  expect(await groups(one)).toBe(200);
  await expect.poll(() => groups(two), soon).toBe(200);

  await must(two.run("create group theirs"));
  const seen = async () => (await one.run("get groups -o name")).stdout;
  await expect.poll(seen, soon).toBe("group/theirs\n");

  await must(two.run("delete token t"));
  expect(await groups(two)).toBe(401);
  await expect.poll(() => groups(one), soon).toBe(401);

  // A name is taken for both as soon as it is for one.
  const both = await Promise.all(
    [one, two].map((server) => server.admin("POST", "/api/v1/groups", { name: "race" })),
  );
  expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
});

it("names the database that cannot be reached, in one line, without its password", async () => {
  const url = "postgres://mcpctl:marked-password@127.0.0.1:1/catalogue";
  for (const start of [
    { line: "server --listen 127.0.0.1:0", env: { MCPCTL_DATABASE_URL: url } },
    { line: `server --listen 127.0.0.1:0 --database-url ${url}` },
  ]) {
    const { line, ...options } = start;
    const { code, stdout, stderr } = await mcpctl(line, { home: freshFolder(), ...options });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: .*127\.0\.0\.1.*\n(hint: .*\n)?$/);
    expect(stderr).not.toContain("marked-password");
  }
});
