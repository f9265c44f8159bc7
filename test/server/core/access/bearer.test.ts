import { expect, it } from "vitest";
import { bearerHash, bearerPrefix, isBearer, mintBearer } from "../../../../src/server/core/access/bearer.ts";

const zeros = (bytes: Uint8Array) => bytes.fill(0);

it("a bearer has 160 random bits, a checksum, and a prefix for its purpose", () => {
  expect(mintBearer("ses", zeros)).toMatch(/^mcpctl_ses_0{32}[0-9a-z]{7}$/);
  expect(mintBearer("pat", zeros)).toMatch(/^mcpctl_pat_0{32}[0-9a-z]{7}$/);
  const many = new Set(Array.from({ length: 1000 }, () => mintBearer("pat")));
  expect(many.size).toBe(1000);
  for (const bearer of many)
    expect([isBearer(bearer, "ses", "pat"), isBearer(bearer, "acc", "ses")]).toEqual([true, false]);
});

it.each([
  "",
  "mcpctl_pat_",
  "sk-ant-api03-0000",
  "mcpctl_xxx_00000000000000000000000000000000vx0r7z8",
  `${mintBearer("pat", zeros)} `,
  `${mintBearer("pat", zeros)}0`,
  mintBearer("pat", zeros).toUpperCase(),
])("%j is not the form of a bearer", (text) => {
  expect(isBearer(text, "ses", "pat")).toBe(false);
});

it("the checksum of a bearer finds any single wrong character", () => {
  const bearer = mintBearer("ses", zeros);
  for (let at = "mcpctl_ses_".length; at < bearer.length; at++) {
    expect(
      isBearer(`${bearer.slice(0, at)}${bearer[at] === "7" ? "8" : "7"}${bearer.slice(at + 1)}`, "ses"),
    ).toBe(false);
  }
});

it("a bearer is stored as a hash, and shown as its first six characters", () => {
  const bearer = mintBearer("pat");
  expect(bearerHash(bearer)).toMatch(/^[\w-]{43}$/);
  expect(bearerHash(bearer)).not.toContain(bearer.slice(11, 20));
  expect(bearerPrefix(bearer)).toBe(bearer.slice(0, 17));
});
