import { expect, it } from "vitest";
import { buildWeb } from "../../scripts/web.ts";

it("the page weighs at most 150 KB, compressed, and 30 KB before its first screen", async () => {
  const files = await buildWeb();
  const sizes = Object.entries(files).map(([name, { bodies }]) => ({
    name,
    bytes: Buffer.from(bodies.br, "base64").length,
  }));
  const sum = (wanted: RegExp) =>
    sizes.filter(({ name }) => wanted.test(name)).reduce((all, { bytes }) => all + bytes, 0);
  expect(sum(/./)).toBeLessThan(150_000);
  expect(sum(/^(index|main-)/)).toBeLessThan(30_000);
});
