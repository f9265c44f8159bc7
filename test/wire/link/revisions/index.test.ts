import { describe, expect, it } from "vitest";
import { inlineBytes } from "../../../../src/wire/link/constants.ts";
import { linkRevisions, negotiate, newestRevision } from "../../../../src/wire/link/revisions/index.ts";

const short = '{"messages":[]}';
const long = JSON.stringify("x".repeat(inlineBytes));

describe("negotiate", () => {
  it("returns the revision of the number that the agent sent", () => {
    for (const revision of linkRevisions) expect(negotiate(revision.protocol)).toBe(revision);
  });

  it("returns the oldest revision if the agent sent no number", () => {
    expect(negotiate(undefined)).toBe(linkRevisions[0]);
  });

  it.each([0, -1, 1.5, newestRevision.protocol + 1])("returns undefined for the unknown revision %d", (n) => {
    expect(negotiate(n)).toBeUndefined();
  });

  it("returns a revision that was added to the list", () => {
    const added = { ...newestRevision, protocol: newestRevision.protocol + 1 };
    expect(negotiate(added.protocol, [...linkRevisions, added])).toBe(added);
  });
});

it("the list has the revision of every file, once, oldest first", async () => {
  const folder = new URL("../../../../src/wire/link/revisions/", import.meta.url).pathname;
  for (const file of new Bun.Glob("revision-*.ts").scanSync(folder)) {
    const module: Record<string, unknown> = await import(`${folder}${file}`);
    for (const revision of Object.values(module)) expect(linkRevisions, file).toContain(revision);
  }
  const numbers = linkRevisions.map(({ protocol }) => protocol);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(newestRevision.protocol).toBe(Math.max(...numbers));
});

describe("revision 1", () => {
  const revision = negotiate(1)!;

  it("sends every request with its task, and expects neither acceptance nor credit", () => {
    expect([revision.acceptsTasks, revision.countsCredit]).toEqual([false, false]);
    for (const request of [short, long])
      expect(revision.encodeRequest(request)).toEqual({ withTask: request });
  });

  it("takes every attach for one of the agent that had the session before", () => {
    expect([revision.mayContinue(undefined), revision.mayContinue(7)]).toEqual([true, true]);
  });
});

describe("revision 2", () => {
  const revision = negotiate(2)!;

  it("sends a request of more than 256 KiB with the acceptance, and a shorter one with the task", () => {
    expect([revision.acceptsTasks, revision.countsCredit]).toEqual([true, true]);
    expect(revision.encodeRequest(short)).toEqual({ withTask: short });
    expect(revision.encodeRequest(long)).toEqual({ withAcceptance: long });
    const fits = "x".repeat(inlineBytes);
    expect(revision.encodeRequest(fits)).toEqual({ withTask: fits });
    // Bytes count, not characters.
    expect(revision.encodeRequest("ü".repeat(inlineBytes))).toHaveProperty("withAcceptance");
  });

  it("takes an attach without an epoch for one of another agent", () => {
    expect([revision.mayContinue(undefined), revision.mayContinue(0)]).toEqual([false, true]);
  });
});
