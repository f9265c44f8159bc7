import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { MainLink } from "../../../src/server/workers/main-link.ts";
import type { MessageOfWorker } from "../../../src/server/workers/messages.ts";
import { RemoteAudit } from "../../../src/server/workers/remote-audit.ts";
import { type WorkerServices, WorkerThread } from "../../../src/server/workers/worker-thread.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A thread with a program of the test's own. */
function threadOf(program: string, services: Partial<WorkerServices> = {}) {
  const path = join(temporaryFolder(), "program.ts");
  writeFileSync(path, program);
  const fatal = Promise.withResolvers<Error>();
  const thread = new WorkerThread(pathToFileURL(path).href, {
    onFatal: fatal.resolve,
    ...services,
  } as WorkerServices);
  return { thread, fatal: fatal.promise };
}

it.each([
  [
    "throws",
    "self.onmessage = () => { setTimeout(() => { throw new Error('a defect'); }); };",
    /a worker has failed: .*a defect/,
  ],
  ["ends", "self.onmessage = () => process.exit(0);", /a worker has ended/],
])("a thread that %s is told, and nobody waits for it any more", async (_, program, message) => {
  const { thread, fatal } = threadOf(program);
  const waiting = thread.reached(7);
  thread.post({ is: "answer", id: 1, value: undefined });
  expect((await fatal).message).toMatch(message);
  await waiting;
  await thread.reached(8);
});

it("an audit log that fails rejects the events of its turn, and is asked before the next call", async () => {
  const posted: Extract<MessageOfWorker, { is: "turn" }>[] = [];
  const link = new MainLink((message) => void posted.push(message as (typeof posted)[number]));
  const audit = new RemoteAudit(link);
  const event = { at: 1, action: "x", requestId: "req_1", userId: null, tokenId: null, status: 200 };
  expect(audit.assertWorks()).toBeUndefined();
  const [first, second] = [audit.record(event), audit.record({ ...event, requestId: "req_2" })];
  await expect.poll(() => posted).toHaveLength(1);
  const [{ id, ask }] = posted[0]!.asks as [(typeof posted)[number]["asks"][number]];
  expect(ask).toMatchObject({ is: "audit", events: [{ requestId: "req_1" }, { requestId: "req_2" }] });
  const full = { is: "app", code: "storage_full", message: "the disk is full" } as const;
  link.answered({ is: "failed", id, error: full });
  for (const written of [first, second]) await expect(written).rejects.toThrow("the disk is full");
  const works = audit.assertWorks();
  await expect.poll(() => posted).toHaveLength(2);
  const again = posted[1]!.asks[0]!;
  expect(again.ask).toEqual({ is: "auditWorks" });
  link.answered({ is: "answer", id: again.id, value: undefined });
  await works;
  expect(audit.assertWorks()).toBeUndefined();
});
