import { expect, it } from "vitest";
import { Passwords } from "../../../../src/server/core/access/passwords.ts";

const passwords = new Passwords();

it("a password hash is argon2id with the minimum of OWASP and a salt of its own", async () => {
  const [one, two] = await Promise.all([passwords.hash("correct horse"), passwords.hash("correct horse")]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(one).not.toBe(two);
  expect(await passwords.verify("correct horse", one)).toBe(true);
  expect(await passwords.verify("Correct horse", one)).toBe(false);
});

it("a password is compared with a hash of another cost", async () => {
  const cheap = new Passwords({ memoryCost: 8, timeCost: 1 });
  const hash = await cheap.hash("correct horse");
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=8,t=1,p=1\$/);
  expect(await passwords.verify("correct horse", hash)).toBe(true);
  expect(await cheap.verify("correct horse", await passwords.hash("correct horse"))).toBe(true);
  expect(await cheap.verify("wrong horse", hash)).toBe(false);
});

it.each([
  ["nobody's", "anything", null],
  ["nobody's, empty", "", null],
  ["an empty one", "", "hash"],
  ["an endless one", "x".repeat(1025), "hash"],
])("verify returns false for %s password", async (_, password, hash) => {
  expect(await passwords.verify(password, hash === null ? null : await passwords.hash("correct horse"))).toBe(
    false,
  );
});
