import { describe, expect, it, onTestFinished } from "vitest";
import { BodyBudget } from "../../../src/server/core/body-budget.ts";
import { Deadlines } from "../../../src/server/core/deadlines.ts";
import { systemRandom } from "../../../src/server/core/ids.ts";
import { Workstations } from "../../../src/server/workstations/workstations.ts";
import type { ServerEvent } from "../../../src/wire/link/messages.ts";
import { linkRevisions, newestRevision } from "../../../src/wire/link/revisions/index.ts";
import type { LinkRevision } from "../../../src/wire/link/revisions/revision.ts";
import { revision2 } from "../../../src/wire/link/revisions/revision-2.ts";
import { must, testServer } from "../../support/server.ts";
import { chatAnswer } from "../../support/upstream.ts";
import { provider, startTestSessions, user } from "./test-sessions.ts";

/** A revision in which the delivery of a task is its acceptance, and every request is wrapped. */
const fake: LinkRevision = {
  protocol: newestRevision.protocol + 1,
  acceptsTasks: false,
  countsCredit: true,
  sendsParts: false,
  defaultStatus: "active",
  encodeRequest: (request) => ({ withTask: `{"wrapped":${request}}` }),
  mayContinue: () => false,
};

const known = linkRevisions.map(({ protocol }) => protocol).join(", ");

const timeouts = { connect: 1000, firstByte: 60_000, silence: 30_000 };

describe("a revision of the link protocol that is in the list", () => {
  it("is negotiated, and encodes the tasks of its agents", async () => {
    const { register, sessions, catalogue, llmOf } = await startTestSessions({
      revisions: [...linkRevisions, fake],
    });
    const alice = user("alice");
    const { providerSessionId: id } = await register({ protocol: fake.protocol, providers: [provider("a")] });
    const links = new Workstations({
      catalogue,
      sessions,
      bodies: new BodyBudget(new Deadlines()),
      deadlines: new Deadlines(() => 0),
      now: () => 0,
      elapsed: () => 0,
      random: systemRandom,
    });
    onTestFinished(() => links.close());
    const attached = await links.attach(alice, id, undefined);
    expect(attached.session.revision).toBe(fake);

    const sent: [ServerEvent, string | undefined][] = [];
    const receiver = links.open(attached, {
      transport: "websocket",
      send: (event, request) => void sent.push([event, request]),
      close() {},
    });
    const llm = llmOf(id, "a")!;
    const signal = new AbortController().signal;
    const call = {
      llm,
      operation: "chat",
      text: '{"model":"a"}',
      streaming: false,
      timeouts,
      signal,
      hops: 1,
    } as const;
    const answered = links.infer(call);
    const [task, request] = sent.at(-1)! as [Extract<ServerEvent, { kind: "infer" }>, string];
    expect(request).toBe('{"wrapped":{"model":"a"}}');
    // The delivery of the task was its acceptance.
    receiver.text(JSON.stringify({ op: "result", taskId: task.taskId, status: 200, body: chatAnswer("") }));
    expect((await answered).status).toBe(200);
  });
});

describe("a revision of the link protocol that the server does not know", () => {
  it.each([fake.protocol, 99, 0, -1, 1.5])(
    "is refused when an agent registers with protocol %d (failure mode 70)",
    async (protocol) => {
      const server = await testServer();
      const providers = [provider("a")];
      const refused = await server.admin("POST", "/api/v1/llms/_provider-register", { protocol, providers });
      const message = `this server does not know revision ${protocol} of the link protocol (it knows ${known}): update the server, or use an older agent`;
      expect(refused.status).toBe(400);
      expect(refused.body).toMatchObject({
        error: `invalid registration: protocol: ${message}`,
        code: "invalid_request",
        details: [{ path: "/protocol", message }],
      });
      expect((await server.admin("GET", "/api/v1/llms")).body).toEqual([]);
    },
  );

  it("makes its agent register again, if a newer server registered the session", async () => {
    const own = await startTestSessions({ revisions: [...linkRevisions, fake] });
    const { providerSessionId: id, epoch } = await own.register({ protocol: fake.protocol });
    const older = await own.restart();
    await expect(older.sessions.attach(user("alice"), id)).rejects.toMatchObject({
      code: "not_found",
      hint: "register again",
    });
    // The refused attach has not raised the epoch.
    expect(older.sessions.check(user("alice"), id).epoch).toBe(epoch);
    expect((await older.register({ providerSessionId: id })).epoch).toBe(epoch + 1);
    expect((await older.sessions.attach(user("alice"), id)).revision).toBe(revision2);
  });
});

it.each([
  [undefined, "active"],
  [2, "active"],
  [3, "inactive"],
])(
  "an llm without a status of an agent of revision %s is %s until its agent reports one (failure mode 95)",
  async (protocol, expected) => {
    const { register, sessions, status } = await startTestSessions();
    const registered = await register({ protocol: protocol as never, providers: [provider("a")] });
    const { providerSessionId: id } = registered;
    const { epoch } = await sessions.attach(user("alice"), id);
    await sessions.attached(id, epoch);
    expect(status("a")).toBe(expected);
    await sessions.report(id, { llms: { a: { status: "active" } } });
    expect(status("a")).toBe("active");
  },
);

it("an agent that names no revision of the link protocol speaks the oldest one", async () => {
  const server = await testServer();
  for (const protocol of [undefined, null])
    await must(server.admin("POST", "/api/v1/llms/_provider-register", { protocol, providers: [] }));
  const { register, store } = await startTestSessions();
  await register({ protocol: undefined as never });
  expect((await store.providerSessions()).map((session) => session.protocol)).toEqual([1]);
});
