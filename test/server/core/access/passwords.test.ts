import { expect, it } from "vitest";
import { hashPassword, verifyPassword } from "../../../../src/server/core/access/passwords.ts";

it("a password hash is argon2id with the minimum of OWASP and a salt of its own", async () => {
  const [one, two] = await Promise.all([hashPassword("correct horse"), hashPassword("correct horse")]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(one).not.toBe(two);
  expect(await verifyPassword("correct horse", one)).toBe(true);
  expect(await verifyPassword("Correct horse", one)).toBe(false);
});

it.each([
  ["nobody's", "anything", null],
  ["nobody's, empty", "", null],
  ["an empty one", "", "hash"],
  ["an endless one", "x".repeat(1025), "hash"],
])("verifyPassword returns false for %s password", async (_, password, hash) => {
  expect(await verifyPassword(password, hash === null ? null : await hashPassword("correct horse"))).toBe(
    false,
  );
});
