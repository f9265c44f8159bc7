import { AppError } from "../../errors.ts";
import type { OpenBaoConfig } from "../../kinds/secret-backends/openbao.ts";
import type { ProxyRule } from "../../proxies.ts";
import type { LoginDriver } from "../types.ts";
import { permanent } from "./faults.ts";
import { healthOf } from "./health.ts";
import { createBao } from "./http.ts";
import { createKv, type SendRequest } from "./kv.ts";
import { checkMount } from "./mount.ts";
import type { BaoBackend } from "./paths.ts";
import { mintToken, notSupported, proveToken, revokeToken } from "./rotation.ts";
import { readServiceAccountToken } from "./service-account.ts";
import { createSession } from "./session.ts";
import { lookUpSelf } from "./token.ts";

export interface OpenBaoOptions {
  /** The name of the backend, for messages. */
  name: string;
  config: OpenBaoConfig;
  /** Reads the token or secret id that the config names, as it is now. */
  credential(): Promise<string>;
  /** The proxy of each URL that is called. */
  proxyFor?: ProxyRule | undefined;
  serviceAccountToken?(): Promise<string>;
  /** Monotonic clock, in milliseconds (T91). */
  now?(): number;
  random?(): number;
  pause?(ms: number): Promise<void>;
  /** Runs a function once, after some milliseconds. Returns a function that cancels it. */
  schedule?(run: () => void, ms: number): () => void;
  /** Receives problems that stop nothing. */
  onWarning?(text: string): void;
}

/** Values may be changed by hand in OpenBao, so they are read again after this. Milliseconds. */
const keepFor = 60_000;
/** A node that only reads may be behind the active one for a moment (OpenBao 2.5). Milliseconds. */
const replication = { longest: 10_000, attempts: 5, pause: 100 };

/**
 * Makes a driver that keeps values in a KV version 2 engine of OpenBao or HashiCorp Vault. Each write has its own path
 * below the prefix: `<mount>/data/<pathPrefix>/<ref>`. The driver sends nothing before the first call.
 */
export function openBaoDriver(options: OpenBaoOptions): LoginDriver {
  const { name, config } = options;
  const { now = () => performance.now(), random = Math.random, pause = Bun.sleep } = options;
  const backend: BaoBackend = { name, config, proxyFor: options.proxyFor };
  const bao = createBao({ ...backend, now, random, pause });
  const session = createSession({
    ...backend,
    bao,
    auth: config.auth,
    credential: () => credentialOf(name, options.credential()),
    serviceAccountToken: () => credentialOf(name, (options.serviceAccountToken ?? readServiceAccountToken)()),
    now,
    random,
    schedule: options.schedule ?? scheduleUnref,
    onWarning: options.onWarning ?? (() => {}),
  });

  const send: SendRequest = async (request) => {
    const token = await session.token();
    const response = await bao.request({ ...request, token });
    if (response.status !== 403 || (await session.refused(token)) === "denied") return response;
    return bao.request({ ...request, token: await session.token() });
  };

  const kv = createKv(backend, send);
  let mount: Promise<void> | undefined;
  /** Checks the mount once, and again after a failed check. */
  function mountChecked(): Promise<void> {
    mount ??= checkMount(backend, send).catch((error) => {
      mount = undefined;
      throw error;
    });
    return mount;
  }

  /** Times of recent writes, by ref. */
  const written = new Map<string, number>();
  /** Does something with a ref. Retries while a ref that was just written is not found. */
  async function replicated<T>(ref: string, act: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      const found = await act();
      const since = now() - (written.get(ref) ?? Number.NEGATIVE_INFINITY);
      if (found || since > replication.longest || tried === replication.attempts) return found;
      await pause(replication.pause);
    }
  }

  return {
    keepFor,
    read: (ref) => replicated(ref, () => kv.read(ref)),
    async write(ref, data) {
      await mountChecked();
      await kv.write(ref, data);
      for (const [old, at] of written) if (now() - at > replication.longest) written.delete(old);
      written.set(ref, now());
    },
    async delete(ref) {
      await replicated(ref, () => kv.delete(ref));
      written.delete(ref);
    },
    list: () => kv.list(),
    health: () =>
      healthOf({
        ...backend,
        bao,
        async probe() {
          await mountChecked();
          await kv.probe();
        },
        async givenToken() {
          if (config.auth?.method !== "token") return null;
          const facts = await lookUpSelf(bao, backend, await session.token());
          return facts && { ...facts, ends: session.ends() };
        },
      }),
    login: {
      forget: () => session.forget(),
      async mint() {
        if (config.auth?.method !== "token")
          throw notSupported(name, "only a token can be replaced; it logs in by another method");
        return mintToken(bao, backend, await session.token());
      },
      prove: (token) => proveToken(bao, backend, token, pause),
      revoke: (token) => revokeToken(bao, backend, token),
    },
    close() {
      session.close();
      bao.close();
    },
  };
}

/** Returns a credential. Throws AppError that says why it cannot be read. */
async function credentialOf(name: string, reading: Promise<string>): Promise<string> {
  try {
    return await reading;
  } catch (cause) {
    if (!(cause instanceof AppError)) throw permanent(name, "its credential cannot be read", { cause });
    const { hint, retryAfter } = cause;
    const code = cause.code === "unavailable" ? "unavailable" : "secret_unavailable";
    throw new AppError(code, `secret backend "${name}": its credential cannot be read: ${cause.message}`, {
      cause,
      ...(hint && { hint }),
      ...(retryAfter !== undefined && { retryAfter }),
    });
  }
}

function scheduleUnref(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
