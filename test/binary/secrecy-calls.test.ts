import { expect, it } from "vitest";
import { kinds } from "../../src/kinds/index.ts";
import { fakeBao } from "../support/openbao/fake.ts";
import { keySent, marks, repeats } from "../support/secrecy.ts";
import {
  readEverything,
  type SecrecySetup,
  type SecretName,
  startSecrecySetup,
  testSecrets,
} from "../support/test-secrecy.ts";
import { goodProvider, reply, upstream } from "../support/upstream.ts";

const names = Object.keys(testSecrets) as SecretName[];
const values = names.map((name) => testSecrets[name].value);

/** Asks an llm for a tale, in either dialect and in ours. */
function ask({ call, bearer }: SecrecySetup, llm: string, wish: string, stream: boolean) {
  const body = { model: llm, max_tokens: 9, stream, messages: [{ role: "user", content: wish }] };
  const paths = ["/v1/chat/completions", "/v1/messages", `/api/v1/llms/${llm}/infer`];
  return Promise.all(
    paths.map((path) =>
      call("POST", path, { bearer, body, note: `${llm}: ${wish}${stream ? ", streamed" : ""}` }),
    ),
  );
}

it("sends a provider its key and shows it nowhere, whatever the provider answers (T20, T22, T25, T26, T27, T28, T35)", async () => {
  const setup = await startSecrecySetup();
  const { admin, provider } = setup;
  const statuses = new Set<number>();
  for (const llm of names.flatMap((name) => [name, `${name}-anthropic`])) {
    // The same text is taken out of an answer wherever the key was; only if it is taken out may differ.
    const wishes = ["plain", "far-anthropic"].includes(llm) ? ["hi", ...repeats] : ["hi", "400", "frame"];
    for (const stream of [false, true])
      for (const answers of await Promise.all(wishes.map((wish) => ask(setup, llm, wish, stream))))
        for (const { status } of answers) statuses.add(status);
    // The provider's words at the creation of an llm.
    const { status, body } = await admin("POST", "/api/v1/llms", {
      name: `${llm}-probed`,
      type: llm.endsWith("anthropic") ? "anthropic" : "openai",
      model: "up",
      url: provider.url,
      apiKeyRef: { name: llm.replace("-anthropic", ""), key: "k" },
    });
    expect([status, body.probe]).toEqual([201, expect.objectContaining({ ok: false })]);
  }
  expect([...statuses].sort()).toEqual([200, 400, 403, 404, 413, 422, 429, 500, 502, 503, 529]);
  expect(new Set(provider.seen.map(keySent))).toEqual(new Set(values));
  await readEverything(setup);
  expect(setup.recordings()).toBeGreaterThan(repeats.length * 12);
  expect(setup.leaks()).toEqual([]);
});

it("follows no redirect, of a provider or of OpenBao, so no other host gets a key or a token (T06, T13)", async () => {
  const elsewhere = upstream(goodProvider);
  const statuses = [301, 302, 303, 307, 308];
  const location = { location: `${elsewhere.url}/v1/chat/completions` };
  const provider = upstream((asked, connection) =>
    connection.write(reply(Number(asked.body?.messages[0].content ?? 307), "", location)),
  );
  const setup = await startSecrecySetup({ secrets: ["plain"] });
  const { admin } = setup;
  for (const [name, type] of [
    ["turned", "openai"],
    ["bent", "anthropic"],
  ] as const) {
    const llm = { name, type, model: "up", url: provider.url, apiKeyRef: { name: "plain", key: "k" } };
    await admin("POST", "/api/v1/llms", llm);
    for (const status of statuses)
      for (const answer of await ask(setup, name, String(status), status % 2 === 0))
        expect(answer.status).toBe(502);
  }
  expect(new Set(provider.seen.map(keySent))).toEqual(new Set([marks.keyOnPlaintext]));

  const data = { k: marks.keyInOpenBao };
  await Promise.all(
    statuses.map(async (status) => {
      const bao = await fakeBao({ token: marks.openBaoToken });
      setup.watchOpenBao(bao);
      bao.before = ({ path }) => new Response(null, { status, headers: { location: elsewhere.url + path } });
      const backend = `turned-${status}`;
      const config = { url: bao.url, auth: { tokenSecretRef: { name: "bao-login", key: "token" } } };
      const made = await admin("POST", "/api/v1/secretbackends", { name: backend, type: "openbao", config });
      expect(made.body.health.status).toBe("error");
      const secret = { name: `moved-${status}`, backend, data };
      expect((await admin("POST", "/api/v1/secrets", secret)).status).toBe(503);
      const wish = { name: `asked-${status}`, config: { url: bao.url }, adminToken: marks.adminToken };
      expect((await admin("POST", "/api/v1/secretbackends/wizard", wish)).status).toBe(503);
      const tokens = new Set(bao.requests.map(({ headers }) => headers["x-vault-token"]));
      expect(tokens).toEqual(new Set([undefined, marks.openBaoToken, marks.adminToken]));
    }),
  );
  // Nobody has even knocked.
  expect(elsewhere.seen).toEqual([]);
  expect(setup.leaks()).toEqual([]);
});

it("repeats no secret that it refuses, wherever one is put by mistake (T20, T21, T22, T37)", async () => {
  const setup = await startSecrecySetup({ secrets: [] });
  const { call, bearer } = setup;
  const text = marks.rejected;
  const bodies: unknown[] = [
    text,
    [text],
    { name: "x", data: text },
    { name: "x", data: [text] },
    { name: "x", data: { k: [text] } },
    { name: "x", data: { k: { nested: text } } },
    { name: "x", data: { k: `${text}\n` } },
    { name: "x", data: { k: `a\0${text}` } },
    { name: "x", data: { "bad key!": text } },
    { name: "x", dta: { k: text } },
    { name: "x", data: { k: text }, backend: "nowhere" },
    { name: "vault", type: "sealed", config: { key: text } },
    ...["token", "approle", "kubernetes", "userpass"].map((method) => ({
      name: "x",
      type: "openbao",
      config: {
        url: "https://bao.example.org",
        auth: { method, token: text, secretId: text, password: text },
      },
    })),
    { name: "x", type: "openbao", config: { url: `https://u:${encodeURIComponent(text)}@bao.example.org` } },
    { name: "x", type: "openbao", config: { url: "https://bao.example.org", token: text } },
    { name: "x", type: "openbao", config: { url: "https://bao.example.org", caCert: text } },
    { name: "x", type: "openbao", config: { url: "https://bao.example.org", mount: text, namespace: text } },
    { name: "x", type: "openai", model: "m", apiKeyRef: text },
    { name: "x", type: "openai", model: "m", apiKey: text },
    { name: "x", type: "openai", model: "m", url: `https://u:${encodeURIComponent(text)}@one.example.org` },
    {
      name: "x",
      type: "openai",
      model: "m",
      url: `https://one.example.org/?key=${encodeURIComponent(text)}`,
    },
    { name: "x", password: [text] },
    { name: "x", pasword: text },
    { user: "alice", password: text },
    { user: "alice", password: { text } },
    { name: "x", config: { url: "https://bao.example.org", auth: { token: text } }, adminToken: text },
    { name: "x", config: { url: "https://bao.example.org" }, adminToken: `${text} and more` },
    { name: "x", config: { url: "https://bao.example.org" }, admintoken: text },
    { from: text, to: "default" },
  ];
  const paths = [
    ...kinds.flatMap(({ plural }) => [`POST /api/v1/${plural}`, `PUT /api/v1/${plural}/default`]),
    ...["POST /api/v1/auth/login", "POST /api/v1/auth/passwd", "POST /api/v1/secretbackends/wizard"],
    ...["POST /api/v1/secrets/migrate", "PUT /api/v1/secrets/bao-login"],
    ...["POST /v1/chat/completions", "POST /v1/messages"],
  ];
  let refused = 0;
  for (const line of paths) {
    const [method, path] = line.split(" ") as [string, string];
    // Not every body is refused: the name of a migration's source is no place of a secret.
    const own = bodies.filter((body) => !(path.endsWith("/migrate") && "from" in Object(body)));
    const answers = await Promise.all(own.map((body) => call(method, path, { bearer, body })));
    refused += answers.filter(({ status }) => status >= 400).length;
  }
  expect(refused).toBeGreaterThan(paths.length * bodies.length * 0.9);
  for (const path of ["/api/v1/secrets", "/v1/models", "/metrics"])
    expect((await call("GET", path, { bearer: text })).status).toBe(401);
  expect((await call("GET", `/api/v1/secrets?token=${encodeURIComponent(text)}`)).status).toBe(401);
  await readEverything(setup);
  expect(setup.leaks()).toEqual([]);
});
