import { describe, expect, it } from "vitest";
import { endOf, grantOf, namedValueOf, pairsOf, subjectOf } from "../../../src/cli/flags/parse-values.ts";

const now = Date.parse("2026-11-21T10:00:00Z");

describe("values of flags", () => {
  it("an end is a duration from now, never, or a time", () => {
    expect(endOf("--ttl", "90m", now)).toBe("2026-11-21T11:30:00.000Z");
    expect(endOf("--ttl", "2w", now)).toBe("2026-12-05T10:00:00.000Z");
    expect(endOf("--ttl", "never", now)).toBeNull();
    expect(endOf("--ttl", "2027-01-31T12:00:00+01:00", now)).toBe("2027-01-31T11:00:00.000Z");
    for (const text of ["", "0d", "30", "d", "-1d", "tomorrow", "1.5h"])
      expect(() => endOf("--ttl", text, now)).toThrow("is not a time");
  });

  it("a subject has a kind and a name", () => {
    expect(subjectOf("token:ci")).toEqual({ kind: "Token", name: "ci" });
    for (const text of ["alice", "User:", "Robot:x", "User:a:b"])
      expect(() => subjectOf(text)).toThrow("is not a subject");
  });

  it("a grant with an unknown part is refused with a suggestion", () => {
    expect(() => grantOf("--bind", "rol:view,resource:llms")).toThrow(
      '"rol:view" in "rol:view,resource:llms" is not a part of a grant',
    );
    for (const text of ["view", "role:", "role:view,role:edit", ""])
      expect(() => grantOf("--bind", text)).toThrow("is not a part of a grant");
  });

  it("a grant with an unknown role is refused with a suggestion", () => {
    expect(() => grantOf("--bind", "role:run,resource:backup")).toThrow(
      '--bind: "backup" is an operation, and no resource',
    );
    expect(() => grantOf("--bind", "role:veiw,resource:llms")).toThrow('--bind: there is no role "veiw"');
    expect(grantOf("--bind", "role:run,resource:llm")).toEqual({ role: "run", resource: "llms" });
  });

  it.each([
    "secret:gh/token",
    "Bearer secret://gh/token",
    "${secrets.GH_TOKEN}",
    "${{ secrets.GH }}",
    "{{secret:gh}}",
    "Bearer user://token",
  ])("a variable that names a secret as %s is refused, and not sent as it is written (T287)", (value) => {
    expect(() => namedValueOf(`GH=${value}`)).toThrow(/value of GH would be sent as it is written/);
  });

  it.each(["secret", "secrets and more", "my-secret:x", "https://secret.example/a", "secret=1"])(
    "a variable may be %s",
    (value) => expect(namedValueOf(`A=${value}`)).toEqual({ name: "A", value }),
  );

  it("pairs keep values that are not JSON as they are", () => {
    expect(pairsOf(["a=01", "b=1", "c=null", "d=", 'e="1"', "f={"], "--extra")).toEqual({
      a: "01",
      b: 1,
      c: null,
      d: "",
      e: "1",
      f: "{",
    });
  });
});
