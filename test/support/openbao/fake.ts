import { onTestFinished } from "vitest";
import type { AtEnd } from "../binary.ts";
import { addBuiltIns } from "./built-ins.ts";
import { callOf } from "./call.ts";
import { emptyCore } from "./core.ts";
import { answer } from "./http.ts";
import type { Jwts } from "./kubernetes.ts";
import { kvBackend } from "./kv.ts";
import { addMount } from "./mounts.ts";
import type { Quotas } from "./quotas.ts";
import type { BaoRequest, FakeBao } from "./types.ts";
import { type Listener, listen, type WireRequest, type WireResponse } from "./wire.ts";

export interface FakeOptions {
  /** The certificate for TLS. Default: plain http. */
  tls?: { cert: string; key: string };
  /** The JWTs that its Kubernetes accepts. */
  jwts?: Jwts;
  /** The root token. Default: `root`. */
  token?: string;
}

/**
 * Starts a server that speaks OpenBao's API as a real one does, with a KV version 2 engine at `secret/`. It is
 * stopped at the end of the test.
 */
export async function fakeBao(options: FakeOptions = {}, atEnd: AtEnd = onTestFinished): Promise<FakeBao> {
  let advanced = 0;
  const now = () => performance.timeOrigin + performance.now() + advanced;
  const core = emptyCore(now);
  const quotas: Quotas = new Map();
  const [root] = core.namespaces as [(typeof core.namespaces)[0]];
  const token = options.token ?? "root";
  addBuiltIns(core, root, quotas, options.jwts ?? new Map());
  core.tokens.make({
    id: token,
    policies: ["root"],
    path: "auth/token/create",
    meta: null,
    displayName: "token",
    ttl: 0,
    namespace: root,
    renewable: false,
  });
  const mount = "secret";
  addMount(core, {
    namespace: root,
    path: `${mount}/`,
    type: "kv",
    description: "key/value secret storage",
    options: { version: "2" },
    fixed: false,
    backend: kvBackend(now),
  });

  let listener: Listener | undefined;
  let port = 0;
  const handle = async (wire: WireRequest): Promise<WireResponse | "drop"> => {
    const request: BaoRequest = {
      method: wire.method,
      path: wire.target,
      headers: wire.headers,
      body: bodyOf(wire),
    };
    fake.requests.push(request);
    if (fake.delay > 0) await new Promise((resolve) => setTimeout(resolve, fake.delay));
    const instead = await fake.before?.(request);
    if (instead !== undefined) return scripted(instead);
    const answered = answer(core, quotas, wire);
    const later = await fake.after?.(request);
    return later === undefined ? answered : scripted(later);
  };
  const start = async () => {
    listener = await listen({ port, tls: options.tls }, handle);
    port = listener.port;
  };
  const stop = async () => {
    await listener?.stop();
    listener = undefined;
  };
  await start();
  atEnd(stop);
  const url = `${options.tls ? "https" : "http"}://127.0.0.1:${port}`;
  const fake: FakeBao = {
    url,
    token,
    mount,
    call: callOf(url, token, options.tls?.cert),
    requests: [],
    seal: () => {
      core.sealed = true;
    },
    unseal: () => {
      core.sealed = false;
    },
    delay: 0,
    before: undefined,
    after: undefined,
    advance: (milliseconds) => {
      advanced += milliseconds;
    },
    stop,
    start,
  };
  return fake;
}

function bodyOf({ body }: WireRequest): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}

async function scripted(response: Response | "drop"): Promise<WireResponse | "drop"> {
  if (response === "drop") return "drop";
  const headers = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: new Uint8Array(await response.arrayBuffer()) };
}
