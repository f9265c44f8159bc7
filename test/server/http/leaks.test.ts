import { expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { allRoutes } from "../../../src/server/http/app.ts";
import type { Server } from "../../../src/server/http/server.ts";
import { type Answer, must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { reply, upstream } from "../../support/upstream.ts";
import { watchKind } from "../../support/watch.ts";

const canary = "sk-canary-5f3c1b7a9d";
const password = "canary-password-5f3c1b7a9d";

/** Everything that may not hold what was planted: as it is, and as it looks in base64, hexadecimal or a URL. */
const spellings = [canary, password].flatMap((text) => [
  text,
  Buffer.from(text).toString("base64").replaceAll("=", ""),
  Buffer.from(text).toString("hex"),
  encodeURIComponent(text),
  text.slice(3),
]);

it("a server shows no secret, password or bearer in responses, errors, logs, audit, metrics and streams (T20, T21, T22, T23, T24, T25, T26, T27, T28, T35)", async () => {
  const server = await testServer();
  // A provider that repeats what it was sent, in an error and in its headers.
  const provider = upstream((asked, connection) => {
    const echo = `bad key: ${asked.headers["authorization"]} or ${canary}`;
    const status = asked.method === "GET" ? 401 : Number(asked.body?.seed ?? 400);
    connection.write(
      reply(
        status,
        { error: { message: echo, type: canary, code: canary } },
        { "x-echo": canary, "www-authenticate": canary },
      ),
    );
  });
  const answers: Answer[] = [];
  const call: typeof server.admin = async (...args) => {
    const answer = await server.admin(...args);
    answers.push(answer);
    return answer;
  };
  const apiKeyRef = { name: "key", key: "k" };
  const llm = { type: "openai", model: "m", url: provider.url, apiKeyRef };
  const roleBindings = [{ role: "view", resource: "*" }];
  await must(call("POST", "/api/v1/secrets", { name: "key", data: { k: canary } }));
  const watching = await watchKind(server, (await server.token("watcher", roleBindings)).bearer, "secrets");
  await must(call("POST", "/api/v1/llms", { name: "a", ...llm }));
  await must(call("POST", "/api/v1/projects", { name: "p" }));
  await must(call("POST", "/api/v1/users", { name: "alice", password }));
  await must(
    call("POST", "/api/v1/rbac", { name: "b", subjects: [{ kind: "User", name: "alice" }], roleBindings }),
  );
  await must(call("PUT", "/api/v1/secrets/key", { data: { second: canary } }));
  const session = (await must(server.as()("POST", "/api/v1/auth/login", { user: "alice", password }))).body
    .token;
  const token = (await server.token("t", [{ role: "edit", resource: "*" }])).bearer;

  // Faults, with a secret where it does not belong.
  await call("POST", "/api/v1/auth/login", { user: "alice", password: `${password}x` });
  await call("POST", "/api/v1/auth/login", { user: "alice", pasword: password });
  await call("POST", "/api/v1/secrets", { name: "other", data: { k: [canary] } });
  await call("POST", "/api/v1/secrets", { name: "other", data: { k: `${canary}\n` } });
  await call("POST", "/api/v1/secrets", { name: "other", data: canary });
  await call("POST", "/api/v1/secrets", `{"name":"other","data":{"k":"${canary}"`);
  await call("POST", "/api/v1/secrets", { name: "key", data: { k: canary } });
  await call("PUT", "/api/v1/secrets/missing", { data: { k: canary } });
  await call("PUT", "/api/v1/secrets/key", { data: { k: canary }, version: 1 });
  await call("POST", "/api/v1/users", { name: "alice", password });
  await call("POST", "/api/v1/users", { name: "bob", password: canary.slice(0, 7) });
  await call("POST", "/api/v1/llms", { name: "x", ...llm, url: `https://user:${canary}@one.example` });
  await call("POST", "/api/v1/llms", { name: "x", ...llm, url: `https://one.example?key=${canary}` });
  await call("POST", "/api/v1/llms", { name: "x", ...llm, extraConfig: canary });
  await server
    .as(canary)("GET", "/api/v1/llms")
    .then((answer) => answers.push(answer));
  for (const seed of [400, 401, 403, 429, 500, 302]) {
    const question = { model: "a", seed, messages: [{ role: "user", content: "hi" }] };
    for (const path of ["/v1/chat/completions", "/v1/messages", "/api/v1/llms/a/infer"])
      for (const stream of [true, false]) await call("POST", path, { ...question, max_tokens: 9, stream });
  }

  // All that can be read, of each thing by name and by id.
  const routes = allRoutes({ metricsPublic: false } as Server).filter(
    // That stream has no end; it is read below.
    ({ method, path }) => method === "GET" && !path.endsWith("/traffic"),
  );
  for (const { path } of routes) {
    // A stream that does not end by itself.
    if (!path.includes(":")) {
      await call("GET", path);
      continue;
    }
    const { body } = await call("GET", path.slice(0, path.indexOf("/:")));
    for (const { id, name } of Array.isArray(body) ? body : (body?.data ?? [{ id: "x" }]))
      for (const one of [id, name ?? id]) await call("GET", path.replace(/:\w+/, one));
  }
  expect(provider.seen.some(({ headers }) => headers["authorization"] === `Bearer ${canary}`)).toBe(true);
  expect(answers.length).toBeGreaterThan(80);

  const events: unknown[] = [];
  const traffic = await watchKind(server, token, "projects/p/traffic");
  events.push(await traffic.next());
  await traffic.leave();
  for (let event = await watching.next(); event && event.type !== "modified"; event = await watching.next())
    events.push(event);
  expect(events.length).toBeGreaterThan(2);
  await server.stop();

  const audit = answers.filter(({ text }) => text.includes('"action"')).map(({ text }) => text);
  expect(audit.join()).toContain("llm_inference_call");
  const shown = answers.map(
    ({ status, text, headers }) => `${status} ${text} ${JSON.stringify([...headers])}`,
  );
  for (const place of [...shown, JSON.stringify(events), server.logged.join("\n")]) {
    for (const spelling of [...spellings, session, token]) expect(place).not.toContain(spelling);
  }
});

it("a server logs an unexpected error and returns a fixed text for it (T22, T27, T28, T119)", async () => {
  const folder = temporaryFolder();
  const store = await openStore({ path: `${folder}/mcpctl.db`, now: Date.now });
  const cause = Object.assign(new Error(`connect failed with api_key=${canary}`), {
    path: `https://one.example/?key=${canary}`,
  });
  const queryAudit = () => Promise.reject(new Error("the disk is on fire", { cause }));
  const server = await testServer({ folder, store: { ...store, queryAudit } });
  const { status, body, headers } = await server.admin("GET", "/api/v1/audit");
  expect(status).toBe(500);
  expect(body).toEqual({
    error: "something went wrong in the server",
    code: "internal",
    hint: "see the log of the server",
    requestId: headers.get("x-request-id"),
  });
  expect(server.logged).toHaveLength(1);
  expect(server.logged[0]).toContain(body.requestId);
  expect(server.logged[0]).toContain("the disk is on fire");
  expect(server.logged[0]).not.toContain(canary);
});
