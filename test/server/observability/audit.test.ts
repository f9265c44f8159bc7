import { expect, it } from "vitest";
import { type AuditEvent, type Store, StoreError } from "../../../src/server/core/store/types.ts";
import { Audit } from "../../../src/server/observability/audit.ts";

function event(requestId: string): AuditEvent {
  return { at: 1, action: "login", requestId, userId: null, tokenId: null, status: 200 };
}

/** An audit over a store that keeps the batches it was given, and fails as often as it is told to. */
function withStore() {
  const batches: string[][] = [];
  const failures: unknown[] = [];
  const appendAudit = async (events: readonly AuditEvent[]) => {
    batches.push(events.map(({ requestId }) => requestId));
    if (failures.length > 0) throw failures.shift();
  };
  return { audit: new Audit({ appendAudit } as Partial<Store> as Store), batches, failures };
}

it("the audit log writes events of one turn of the event loop in one batch, in order", async () => {
  const { audit, batches } = withStore();
  await Promise.all(["a", "b", "c"].map((id) => audit.record(event(id))));
  await audit.record(event("d"));
  expect(batches).toEqual([["a", "b", "c"], ["d"]]);
});

it("the audit log writes events that come during a write in the next batch", async () => {
  const { promise: writing, resolve: written } = Promise.withResolvers<void>();
  const batches: number[] = [];
  const appendAudit = async (events: readonly AuditEvent[]) => {
    batches.push(events.length);
    if (batches.length === 1) await writing;
  };
  const audit = new Audit({ appendAudit } as Partial<Store> as Store);
  const first = audit.record(event("a"));
  await expect.poll(() => batches).toEqual([1]);
  const later = [audit.record(event("b")), audit.record(event("c"))];
  expect(batches).toEqual([1]);
  written();
  await Promise.all([first, ...later]);
  expect(batches).toEqual([1, 2]);
});

it("the audit log splits too many events into several transactions", async () => {
  const { audit, batches } = withStore();
  await Promise.all(Array.from({ length: 2500 }, (_, i) => audit.record(event(`${i}`))));
  expect(batches.map((batch) => batch.length)).toEqual([1000, 1000, 500]);
  expect(batches.flat()).toEqual(Array.from({ length: 2500 }, (_, i) => `${i}`));
});

it.each([
  [new StoreError("full"), "storage_full"],
  [new StoreError("unavailable"), "unavailable"],
  [new Error("odd"), "internal"],
])(
  "the audit log rejects all events of a failed batch (%s), and writes the next one",
  async (failure, code) => {
    const { audit, batches, failures } = withStore();
    failures.push(failure);
    const outcomes = await Promise.allSettled([audit.record(event("a")), audit.record(event("b"))]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: "rejected", reason: { code } });
    await expect(audit.record(event("c"))).resolves.toBeUndefined();
    expect(batches).toEqual([["a", "b"], ["c"]]);
  },
);

it("the audit log refuses calls before they begin while the database cannot be written (failure mode 207)", async () => {
  const { audit, batches, failures } = withStore();
  await audit.assertWorks();
  expect(batches).toEqual([]);
  failures.push(new StoreError("full"), new StoreError("unavailable"));
  await audit.record(event("a")).catch(() => {});
  // One look, whoever asks.
  const looks = await Promise.allSettled([audit.assertWorks(), audit.assertWorks()]);
  for (const look of looks)
    expect(look).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
  await audit.assertWorks();
  await audit.assertWorks();
  expect(batches).toEqual([["a"], [], []]);
});

it("the audit log is settled when all events are written or have failed", async () => {
  const { audit, batches, failures } = withStore();
  await audit.settled();
  failures.push(new StoreError("full"));
  const failed = audit.record(event("a")).catch((error: Error) => error);
  await audit.settled();
  expect(batches).toHaveLength(1);
  expect(await failed).toMatchObject({ code: "storage_full" });
});

it("the audit log counts waiting events, and reports each event once, also one that fails", async () => {
  const failure = new StoreError("full");
  const written = Promise.withResolvers<void>();
  const heard: string[] = [];
  const appendAudit = async () => {
    await written.promise;
    throw failure;
  };
  const audit = new Audit({ appendAudit } as Partial<Store> as Store, ({ requestId }) =>
    heard.push(requestId),
  );
  expect(audit.waiting).toBe(0);
  const outcomes = ["a", "b"].map((id) => audit.record(event(id)).catch((error: Error) => error));
  expect([audit.waiting, heard]).toEqual([2, ["a", "b"]]);
  written.resolve();
  await Promise.all(outcomes);
  expect([audit.waiting, heard]).toEqual([0, ["a", "b"]]);
});
