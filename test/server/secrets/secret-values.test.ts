import { expect, it } from "vitest";
import type { Driver } from "../../../src/backends/types.ts";
import { AppError } from "../../../src/errors.ts";
import type { Catalogue } from "../../../src/server/core/catalogue/catalogue.ts";
import { Snapshot } from "../../../src/server/core/store/snapshot.ts";
import type { Backends } from "../../../src/server/secrets/backends.ts";
import { SecretValues } from "../../../src/server/secrets/secret-values.ts";
import { row } from "../../support/row.ts";

const minute = 60_000;

/** A secret `s` on a backend whose reads the test resolves, with a clock that the test sets. */
function valuesOverBackend(keepFor?: number) {
  const secret = row("sec_1", "secret", "s", {
    spec: { backend: "bao" },
    status: { externalRef: "sec_1/ver_1" },
  });
  const backend = row("sbe_1", "secretbackend", "bao");
  const contents = {
    rows: [secret, backend],
    refs: [],
    bearers: [],
    sessions: [],
    withPassword: [],
    lastUsed: [],
  };
  const state = {
    time: 0,
    refreshes: 0,
    snapshot: new Snapshot({ revision: 1, ...contents }),
    /** Reads that the driver got, for the test to resolve. */
    reads: [] as { ref: string; answer: PromiseWithResolvers<Record<string, string> | null> }[],
  };
  const driver: Partial<Driver> = {
    ...(keepFor !== undefined && { keepFor }),
    read(ref) {
      const answer = Promise.withResolvers<Record<string, string> | null>();
      state.reads.push({ ref, answer });
      return answer.promise;
    },
  };
  const catalogue = {
    get snapshot() {
      return state.snapshot;
    },
    refresh: async () => void state.refreshes++,
  };
  const values = new SecretValues(
    catalogue as unknown as Catalogue,
    { driver: () => driver } as unknown as Backends,
    () => state.time,
  );
  const move = (externalRef: string) => {
    const moved = { ...secret, version: 2, status: { externalRef } };
    state.snapshot = new Snapshot({ revision: 2, ...contents, rows: [moved, backend] });
  };
  return { state, values, secret, move };
}

const down = new AppError("unavailable", 'secret backend "bao": cannot be reached', { retryAfter: 2 });

it("reads a secret once for all callers at the same time, and caches its values", async () => {
  const { state, values } = valuesOverBackend();
  const wanted = [values.value("s", "k"), values.value("s", "k"), values.value("s", "other")];
  expect(state.reads).toHaveLength(1);
  state.reads[0]!.answer.resolve({ k: "one", other: "two" });
  expect(await Promise.all(wanted)).toEqual(["one", "one", "two"]);
  state.time = 1000 * minute;
  expect(await values.value("s", "k")).toBe("one");
  expect(state.reads).toHaveLength(1);
});

it("reads values in use again before their time is over, without a call that waits", async () => {
  const { state, values } = valuesOverBackend(minute);
  const first = values.value("s", "k");
  state.reads[0]!.answer.resolve({ k: "old" });
  await first;
  state.time = minute * 0.74;
  expect(await values.value("s", "k")).toBe("old");
  expect(state.reads).toHaveLength(1);
  state.time = minute * 0.75;
  expect(await Promise.all([values.value("s", "k"), values.value("s", "k")])).toEqual(["old", "old"]);
  expect(state.reads).toHaveLength(2);
  state.reads[1]!.answer.resolve({ k: "new" });
  await expect.poll(() => values.value("s", "k")).toBe("new");
  state.time = minute * 1.4;
  expect(await values.value("s", "k")).toBe("new");
  expect(state.reads).toHaveLength(2);
});

it("serves cached values while the backend is down, and names the backend when their time is over", async () => {
  const { state, values } = valuesOverBackend(minute);
  const first = values.value("s", "k");
  state.reads[0]!.answer.resolve({ k: "one" });
  await first;
  state.time = minute * 0.8;
  expect(await values.value("s", "k")).toBe("one");
  state.reads[1]!.answer.reject(down);
  await Promise.resolve();
  for (state.time = minute * 0.81; state.time < minute; state.time += 2000) {
    expect(await values.value("s", "k")).toBe("one");
    state.reads.at(-1)!.answer.reject(down);
  }
  // Every five seconds, not with every call.
  expect(state.reads).toHaveLength(3);
  state.time = minute;
  const refused = values.value("s", "k");
  state.reads.at(-1)!.answer.reject(down);
  await expect(refused).rejects.toMatchObject({
    code: "unavailable",
    status: 503,
    retryAfter: 2,
    message: 'cannot read key "k" of secret "s": secret backend "bao": cannot be reached',
  });
  const again = values.value("s", "k");
  state.reads.at(-1)!.answer.resolve({ k: "two" });
  expect(await again).toBe("two");
});

it("names the missing part: the secret, the key or the values", async () => {
  const { state, values } = valuesOverBackend(minute);
  const message = (text: string) => ({ code: "secret_unavailable", status: 500, message: text });
  await expect(values.value("nope", "k")).rejects.toMatchObject(
    message('cannot read key "k" of secret "nope"'),
  );
  const noKey = values.value("s", "nope");
  state.reads[0]!.answer.resolve({ k: "one" });
  await expect(noKey).rejects.toMatchObject(message('cannot read key "nope" of secret "s"'));
  state.time = minute;
  const gone = values.value("s", "k");
  state.reads[1]!.answer.resolve(null);
  await expect(gone).rejects.toMatchObject(
    message('cannot read key "k" of secret "s": secret backend "bao" has no values of secret "s" any more'),
  );
});

it("follows a secret that another server has moved, for a call", async () => {
  const { state, values, move } = valuesOverBackend(minute);
  const wanted = values.value("s", "k");
  move("sec_1/ver_2");
  state.reads[0]!.answer.resolve(null);
  await expect.poll(() => state.reads.map(({ ref }) => ref)).toEqual(["sec_1/ver_1", "sec_1/ver_2"]);
  state.reads[1]!.answer.resolve({ k: "new" });
  expect(await wanted).toBe("new");
  expect(state.refreshes).toBe(1);
});

it.each(["read", "fresh"] as const)("%s follows a secret that another server has moved", async (method) => {
  const { state, values, secret, move } = valuesOverBackend(minute);
  const wanted = values[method](secret);
  move("sec_1/ver_2");
  state.reads[0]!.answer.resolve(null);
  await expect.poll(() => state.reads.map(({ ref }) => ref)).toEqual(["sec_1/ver_1", "sec_1/ver_2"]);
  state.reads[1]!.answer.resolve({ k: "new" });
  expect(await wanted).toEqual({ k: "new" });
  const missing = values.fresh(state.snapshot.byId.get(secret.id)!);
  state.reads[2]!.answer.resolve(null);
  await expect(missing).rejects.toMatchObject({ code: "secret_unavailable" });
});

it("never returns the values of another secret, whatever the row says", async () => {
  const { state, values, move } = valuesOverBackend();
  move("sec_2/ver_1");
  await expect(values.value("s", "k")).rejects.toMatchObject({ code: "secret_unavailable" });
  expect(state.reads).toEqual([]);
});

it("reads from the backend, not from the cache, before a change", async () => {
  const { state, values, secret } = valuesOverBackend(minute);
  const cached = values.read(secret);
  state.reads[0]!.answer.resolve({ k: "cached" });
  await cached;
  const fresh = values.fresh(secret);
  state.reads[1]!.answer.resolve({ k: "changed by hand" });
  expect(await fresh).toEqual({ k: "changed by hand" });
});

it("refuses a value that cannot be sent in a header, with its place and without the value (T108)", async () => {
  const { state, values } = valuesOverBackend(minute);
  const wanted = [values.value("s", "k"), values.value("s", "good")];
  state.reads[0]!.answer.resolve({ k: "sk-canary\u200b", good: "sk-good" });
  const error = await wanted[0]!.catch((thrown) => thrown);
  expect(error).toMatchObject({
    code: "secret_unavailable",
    status: 500,
    message:
      'cannot read key "k" of secret "s": character 10 of 10 is a zero-width space, which cannot be sent in a header',
  });
  expect(Bun.inspect(error)).not.toContain("canary");
  expect(await wanted[1]).toBe("sk-good");
});
