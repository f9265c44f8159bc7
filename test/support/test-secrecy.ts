import { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { policyLine, policyLines } from "../../src/backends/openbao/paths.ts";
import { kinds } from "../../src/kinds/index.ts";
import {
  type Answer,
  type BinaryServer,
  type CallOptions,
  freshFolder,
  type Outcome,
  type RunOptions,
  type ServerOptions,
  startBinary,
} from "./binary.ts";
import { fakeBao } from "./openbao/fake.ts";
import type { FakeBao } from "./openbao/types.ts";
import { keysIn } from "./sealed-server.ts";
import { findings, marks, repeatingProvider } from "./secrecy.ts";
import { type Upstream, upstream } from "./upstream.ts";

/** A server with a secret of every sort in it, and everything that it has said to anybody. */
export interface SecrecySetup {
  server: BinaryServer;
  bao: FakeBao;
  /** A provider that tells on its callers. */
  provider: Upstream;
  keyFile: string;
  /** Of the token `laptop`, which may do everything. */
  bearer: string;
  /** One more OpenBao that the server speaks to: the tokens that it hands out must not be found. */
  watchOpenBao(bao: FakeBao): void;
  /** One more thing that must not be found. */
  mark(name: string, secret: string | Uint8Array): void;
  /** One more place where nothing must be found. */
  record(place: string, text: string | Uint8Array): void;
  run(line: string | readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Calls as the administrator, over the Unix socket. */
  admin(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Calls over TCP. A finding in the answer tells the note. */
  call(method: string, path: string, options?: CallOptions & { note?: string }): Promise<Answer>;
  /** Findings in all recorded outputs, in the server's own output, and in the places given. */
  leaks(more?: Iterable<readonly [string, string | Uint8Array]>): string[];
  /** Number of outputs that were recorded. */
  recordings(): number;
}

/** Each secret by name: the key in it is `k`. */
export const testSecrets = {
  plain: { backend: "default", value: marks.keyOnPlaintext },
  shut: { backend: "vault", value: marks.keyOnSealed },
  far: { backend: "bao", value: marks.keyInOpenBao },
} as const;

/** The secrets, and with them the llms that use them. */
export type SecretName = keyof typeof testSecrets;

export interface SecrecyOptions extends ServerOptions {
  /** Only these of the secrets; all when left out. */
  secrets?: readonly SecretName[];
  /** Set when alice has a password and is logged in. */
  login?: true;
}

/**
 * Builds it: backends `default`, `vault` (sealed), `bao` (by token) and `app` (by AppRole), on each a secret that llms
 * of either dialect send to the provider, and one object at least of every other kind. The administrator of OpenBao
 * has the marked admin token.
 */
export async function startSecrecySetup(options: SecrecyOptions = {}): Promise<SecrecySetup> {
  const { secrets = ["plain", "shut", "far"], login = false, ...more } = options;
  const provider = upstream(repeatingProvider);
  const bao = await fakeBao({ token: marks.adminToken });
  const roleId = await prepareOpenBao(bao);
  const keyFile = join(freshFolder(), "master-key");
  writeFileSync(keyFile, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
  const env = { ...more.env, MCPCTL_MASTER_KEY_FILE: keyFile };
  const server = await startBinary({ ...more, env });

  const marked = new Map<string, string | Uint8Array>(Object.entries(marks));
  const places: (readonly [string, string | Uint8Array])[] = [];
  const watched = [bao];
  const record = (place: string, text: string | Uint8Array) => void places.push([place, text]);
  const recordResponse = async (what: string, answer: Promise<Answer>) => {
    const { status, headers, text } = await answer;
    record(`${what} ${status}`, `${JSON.stringify([...headers])} ${text}`);
    return answer;
  };
  const setup: SecrecySetup = {
    server,
    bao,
    provider,
    keyFile,
    bearer: "",
    record,
    watchOpenBao: (other) => void watched.push(other),
    mark: (name, secret) => void marked.set(name, secret),
    async run(line, options) {
      const outcome = await server.run(line, options);
      const words = typeof line === "string" ? line : line.join(" ");
      record(`stdout of ${words}`, outcome.stdout);
      record(`stderr of ${words}`, outcome.stderr);
      return outcome;
    },
    admin: (method, path, body) => recordResponse(`${method} ${path}`, server.admin(method, path, body)),
    call: (method, path, { note = "", ...call } = {}) =>
      recordResponse(`${method} ${path} ${note}`, server.call(method, path, call)),
    leaks(more = []) {
      // Keys and tokens that were made meanwhile are secrets as well.
      for (const [n, key] of keysIn(keyFile).entries())
        marked.set(`master key ${n}`, Buffer.from(key, "base64"));
      const known = new Set(marked.values());
      for (const { headers } of watched.flatMap(({ requests }) => requests)) {
        const token = headers["x-vault-token"];
        if (token === undefined || known.has(token)) continue;
        known.add(token);
        marked.set(`token ${known.size} of OpenBao`, token);
      }
      const said: [string, string][] = [
        ["stdout of the server", server.said.stdout],
        ["stderr of the server", server.said.stderr],
      ];
      return findings(marked, [...places, ...said, ...more]);
    },
    recordings: () => places.length,
  };
  await fillCatalogue(setup, roleId, secrets, login);
  return setup;
}

/**
 * Asks for everything that can be read as an answer, and reads what lies in the database but for the values of
 * secrets: the audit, the rows of all kinds, what is known of logins.
 */
export async function readEverything(setup: SecrecySetup): Promise<void> {
  const { admin, record, server } = setup;
  const paths = ["/metrics", "/openapi.json", "/api/v1/kinds", "/api/v1/version", "/api/v1/audit?limit=1000"];
  for (const path of paths) {
    const { status } = await admin("GET", path);
    if (status !== 200) throw new Error(`GET ${path}: ${status}`);
  }
  for (const { plural } of kinds) {
    const { body } = await admin("GET", `/api/v1/${plural}`);
    for (const { id } of body) await admin("GET", `/api/v1/${plural}/${id}`);
  }
  using database = new Database(join(server.dataDir, "mcpctl.db"), { readonly: true });
  using tables = database.query(
    "select name from sqlite_master where type = 'table' and name <> 'secret_data'",
  );
  for (const [table] of tables.values()) {
    using rows = database.query(`select * from ${table}`);
    record(`table ${table}`, JSON.stringify(rows.all()));
  }
}

/** Prepares OpenBao: a policy, a token that logs in, and an AppRole. Returns the role's id. */
async function prepareOpenBao(bao: FakeBao): Promise<string> {
  const policy = policyLines({ name: "", config: { url: bao.url, mount: bao.mount, pathPrefix: "mcpctl" } })
    .map(policyLine)
    .join("\n");
  const done = async (method: string, path: string, body?: object) => {
    const { status, body: told } = await bao.call(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(told)}`);
    return told;
  };
  await done("POST", "sys/policies/acl/mcpctl", { policy });
  await done("POST", "auth/token/create", { id: marks.openBaoToken, policies: ["mcpctl"], period: "30d" });
  await done("POST", "sys/auth/approle", { type: "approle" });
  await done("POST", "auth/approle/role/app", { token_policies: ["mcpctl"] });
  await done("POST", "auth/approle/role/app/custom-secret-id", { secret_id: marks.secretId });
  return (await done("GET", "auth/approle/role/app/role-id")).data.role_id;
}

async function fillCatalogue(
  setup: SecrecySetup,
  roleId: string,
  secrets: readonly SecretName[],
  login: boolean,
): Promise<void> {
  const { bao, provider } = setup;
  const make = async (plural: string, name: string, fields: object = {}) => {
    const path = `/api/v1/${plural}${plural === "llms" ? "?probe=false" : ""}`;
    const { status, text } = await setup.admin("POST", path, { name, ...fields });
    if (status !== 201) throw new Error(`POST ${path} ${name}: ${status} ${text}`);
  };
  const backendAt = async (name: string, ref: string, key: string, secret: string, more: object = {}) => {
    const credential = { name: `${name}-login`, key };
    await make("secrets", credential.name, { backend: "vault", data: { [key]: secret } });
    const config = { url: bao.url, auth: { [ref]: credential, ...more } };
    await make("secretbackends", name, { type: "openbao", config });
  };
  const withLlms = async (name: SecretName) => {
    const { backend, value } = testSecrets[name];
    await make("secrets", name, { backend, data: { k: value } });
    const llm = { model: "up", url: provider.url, apiKeyRef: { name, key: "k" } };
    await Promise.all([
      make("llms", name, { ...llm, type: "openai" }),
      make("llms", `${name}-anthropic`, { ...llm, type: "anthropic" }),
    ]);
  };
  const everything = [
    { role: "edit", resource: "*" },
    { role: "run", resource: "llms" },
    { role: "run", action: "migrate-secrets" },
    { role: "run", action: "manage-secretbackends" },
  ];
  const createBackends = async () => {
    await make("secretbackends", "vault", { type: "sealed", isDefault: true });
    await Promise.all([
      backendAt("bao", "tokenSecretRef", "token", marks.openBaoToken),
      backendAt("app", "secretIdRef", "id", marks.secretId, { roleId }),
    ]);
    await Promise.all(secrets.map(withLlms));
    if (secrets[0]) await make("agents", "persona", { llm: secrets[0], systemPrompt: "Keep it short." });
  };
  const createUsers = async () => {
    await make("users", "alice", login ? { password: marks.password } : {});
    await Promise.all([
      make("groups", "friends", { members: ["alice"] }),
      make("rbac", "alices", { subjects: [{ kind: "User", name: "alice" }], roleBindings: everything }),
    ]);
    if (!login) return;
    // An answer in which a bearer has to be is not listened to, here and below.
    const body = { user: "alice", password: marks.password };
    const { body: session } = await setup.server.call("POST", "/api/v1/auth/login", { body });
    setup.mark("bearer of a login", session.token);
  };
  const createMcpServer = async () => {
    const url = "http://127.0.0.1:1/mcp";
    await Promise.all([make("servers", "tools", { url }), make("templates", "kit", { server: { url } })]);
    await make("projects", "website", { servers: ["tools"] });
    const text = { project: "website", content: "Colours come from theme.css." };
    for (const kind of ["prompts", "promptrequests"]) await make(kind, "style", text);
  };
  const token = { name: "laptop", roleBindings: everything };
  const [made] = await Promise.all([
    setup.server.admin("POST", "/api/v1/tokens", token),
    createBackends(),
    createUsers(),
    createMcpServer(),
  ]);
  setup.bearer = made.body.token;
  setup.mark("bearer of a token", setup.bearer);
}
