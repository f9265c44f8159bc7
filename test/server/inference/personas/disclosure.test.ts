import { expect, it } from "vitest";
import { AppError, type ErrorCode, type ErrorOptions } from "../../../../src/errors.ts";
import { compilePolicy, everything, type Principal } from "../../../../src/server/core/access/policy.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import { errorOfPersona } from "../../../../src/server/inference/personas/persona.ts";
import { row } from "../../../support/row.ts";

const own = { visibility: "private", owner: "u1", spec: { poolName: "p" } } as const;
const agent = row("a1", "agent", "reviewer", {
  visibility: "public",
  owner: "u1",
  spec: { llm: "hidden-one" },
});
const snapshot = new Snapshot({
  revision: 1,
  rows: [
    row("l1", "llm", "hidden-one", own),
    row("l2", "llm", "hidden-two", own),
    row("l3", "llm", "elsewhere", { visibility: "private" }),
    agent,
  ],
  refs: [],
  bearers: [],
  sessions: [],
  withPassword: [],
  lastUsed: [],
});

const user = (userId: string, policy = compilePolicy([])): Principal => ({
  kind: "User",
  id: userId,
  name: userId,
  userId,
  userName: userId,
  groups: [],
  policies: [policy],
});

const tell = (principal: Principal, code: ErrorCode, message: string, options?: ErrorOptions) => {
  const error = new AppError(code, message, options);
  return [errorOfPersona(error, snapshot, principal, agent), error] as const;
};

it.each([
  ["unavailable", 'llm "hidden-one" is not connected', { retryAfter: 5 }],
  ["unavailable", 'llm "hidden-two" could not be woken: no power', {}],
  ["too_many_requests", "too many", { hint: 'llm "hidden-two" takes two', status: 429 }],
  ["invalid_request", "no", { details: [{ path: "/model", message: 'is not "hidden-one"' }] }],
  ["secret_unavailable", 'the key "k" of secret "s" cannot be read', {}],
] as const)("%s: %s is returned without the name", (code, message, options) => {
  const [shown, error] = tell(user("u2"), code, message, options as ErrorOptions);
  expect(shown.message).toBe('agent "reviewer" cannot be called now');
  expect([shown.code, shown.status, shown.retryAfter]).toEqual([error.code, error.status, error.retryAfter]);
  expect([shown.hint, shown.details]).toEqual([undefined, undefined]);
  expect(shown.cause).toBe(error);
  // Its owner and administrators see the error.
  for (const principal of [user("u1"), user("u3", everything)]) {
    const [plain, own] = tell(principal, code, message, options as ErrorOptions);
    expect(plain).toBe(own);
  }
});

it("an error that names none of its llms is returned unchanged", () => {
  for (const message of [
    "the provider cannot be reached",
    'model "m" is not "hidden"',
    "hidden-one",
    'llm "elsewhere" is away',
  ]) {
    const [shown, error] = tell(user("u2"), "provider_error", message);
    expect(shown).toBe(error);
  }
});

it("an error that names a deleted llm is returned without the name", () => {
  const gone = row("l4", "llm", "hidden-three", own);
  const error = new AppError("unavailable", 'llm "hidden-three" is no longer published');
  const tell = (userId: string) => errorOfPersona(error, snapshot, user(userId), agent, gone);
  expect(tell("u2").message).toBe('agent "reviewer" cannot be called now');
  expect(tell("u1")).toBe(error);
  const visible = { ...gone, visibility: "public" as const };
  expect(errorOfPersona(error, snapshot, user("u2"), agent, visible)).toBe(error);
});
