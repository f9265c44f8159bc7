import { AppError } from "../../errors.ts";
import type { OpenBaoConfig } from "../../kinds/secret-backends/openbao.ts";
import type { LoginDriver } from "../types.ts";
import { lasting } from "./faults.ts";
import { healthOf } from "./health.ts";
import { createBao } from "./http.ts";
import { type Ask, createKv } from "./kv.ts";
import { checkMount } from "./mount.ts";
import type { Backend } from "./paths.ts";
import { mintToken, notSupported, proveToken, revokeToken } from "./rotation.ts";
import { readServiceAccountToken } from "./service-account.ts";
import { createSession } from "./session.ts";
import { lookUpSelf } from "./token.ts";

export interface OpenBaoOptions {
  /** Of the backend, for messages. */
  name: string;
  config: OpenBaoConfig;
  /** The token or secret id that the config names, as it is now. */
  credential(): Promise<string>;
  serviceAccountToken?(): Promise<string>;
  /** A clock that nobody sets, in milliseconds (T91). */
  now?(): number;
  random?(): number;
  pause?(ms: number): Promise<void>;
  /** Runs something once, some milliseconds from now; returns how to call it off. */
  later?(run: () => void, ms: number): () => void;
  /** Hears of what is not well and stops nothing. */
  onWarning?(text: string): void;
}

/** Values may be changed by hand in OpenBao, so they are asked for again after this. Milliseconds. */
const keepFor = 60_000;
/** A node that only reads may be behind the one that writes for a moment (OpenBao 2.5). Milliseconds. */
const behind = { longest: 10_000, attempts: 5, pause: 100 };

/**
 * Values in a KV version 2 engine of OpenBao or HashiCorp Vault, each write in a path of its own below the prefix:
 * `<mount>/data/<pathPrefix>/<ref>`. Nothing is sent before the first call.
 */
export function openBaoDriver(options: OpenBaoOptions): LoginDriver {
  const { name, config } = options;
  const { now = () => performance.now(), random = Math.random, pause = Bun.sleep } = options;
  const backend: Backend = { name, config };
  const bao = createBao({ ...backend, now, random, pause });
  const session = createSession({
    ...backend,
    bao,
    auth: config.auth,
    credential: () => had(name, options.credential()),
    serviceAccountToken: () => had(name, (options.serviceAccountToken ?? readServiceAccountToken)()),
    now,
    random,
    later: options.later ?? unrefLater,
    onWarning: options.onWarning ?? (() => {}),
  });

  const ask: Ask = async (request) => {
    const token = await session.token();
    const answer = await bao.request({ ...request, token });
    if (answer.status !== 403 || (await session.refused(token)) === "denied") return answer;
    return bao.request({ ...request, token: await session.token() });
  };

  const kv = createKv(backend, ask);
  let mount: Promise<void> | undefined;
  /** Asked once; again after it was not as it should be. */
  function mountChecked(): Promise<void> {
    mount ??= checkMount(backend, ask).catch((error) => {
      mount = undefined;
      throw error;
    });
    return mount;
  }

  /** Refs written a moment ago, and when. */
  const written = new Map<string, number>();
  /** Does something to a ref; again, as long as a ref that was just written is not there. */
  async function caughtUp<T>(ref: string, act: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      const found = await act();
      const since = now() - (written.get(ref) ?? Number.NEGATIVE_INFINITY);
      if (found || since > behind.longest || tried === behind.attempts) return found;
      await pause(behind.pause);
    }
  }

  return {
    keepFor,
    read: (ref) => caughtUp(ref, () => kv.read(ref)),
    async write(ref, data) {
      await mountChecked();
      await kv.write(ref, data);
      for (const [old, at] of written) if (now() - at > behind.longest) written.delete(old);
      written.set(ref, now());
    },
    async delete(ref) {
      await caughtUp(ref, () => kv.delete(ref));
      written.delete(ref);
    },
    list: () => kv.list(),
    health: () =>
      healthOf({
        ...backend,
        bao,
        async look() {
          await mountChecked();
          await kv.look();
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

/** A credential, or why it cannot be had. */
async function had(name: string, reading: Promise<string>): Promise<string> {
  try {
    return await reading;
  } catch (cause) {
    if (!(cause instanceof AppError)) throw lasting(name, "its credential cannot be read", { cause });
    const { hint, retryAfter } = cause;
    const code = cause.code === "unavailable" ? "unavailable" : "secret_unavailable";
    throw new AppError(code, `secret backend "${name}": its credential cannot be read: ${cause.message}`, {
      cause,
      ...(hint && { hint }),
      ...(retryAfter !== undefined && { retryAfter }),
    });
  }
}

function unrefLater(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
