import { describe, expect, it } from "vitest";
import type { Driver } from "../../src/backends/types.ts";

/**
 * What every driver of a secret backend does.
 *
 * @param open a driver over an empty place of its own, for one test
 */
export function backendContract(name: string, open: () => Promise<Driver>): void {
  describe(`${name}: contract of secret backends`, () => {
    it("gives back what was written, byte for byte", async () => {
      const driver = await open();
      const data = {
        "api-key": "sk-…",
        empty: "",
        "with.dots": 'quotes " and \\',
        unicode: "ключ 🔑",
        long: "x".repeat(65_536),
      };
      expect(await driver.read(await driver.write("sec_1", data))).toEqual(data);
    });

    it("writes beside what was there, under a ref that was never used", async () => {
      const driver = await open();
      const refs = [];
      for (const k of ["one", "two", "one"]) refs.push(await driver.write("sec_1", { k }));
      expect(new Set(refs).size).toBe(3);
      expect(await Promise.all(refs.map((ref) => driver.read(ref)))).toEqual([
        { k: "one" },
        { k: "two" },
        { k: "one" },
      ]);
      expect((await driver.list()).sort()).toEqual(refs.toSorted());
    });

    it("forgets what is deleted, and only that; what is not there is no error", async () => {
      const driver = await open();
      const [gone, kept] = [
        await driver.write("sec_1", { k: "gone" }),
        await driver.write("sec_1", { k: "kept" }),
      ];
      await driver.delete(gone);
      await driver.delete(gone);
      await driver.delete("sec_0/never");
      expect(await driver.read(gone)).toBeNull();
      expect(await driver.read("sec_0/never")).toBeNull();
      expect(await driver.read(kept)).toEqual({ k: "kept" });
      expect(await driver.list()).toEqual([kept]);
    });

    it("keeps many apart that are written at once", async () => {
      const driver = await open();
      const written = await Promise.all(
        Array.from({ length: 50 }, async (_, i) => ({
          i,
          ref: await driver.write(`sec_${i % 5}`, { k: `${i}` }),
        })),
      );
      for (const { i, ref } of written) expect(await driver.read(ref)).toEqual({ k: `${i}` });
    });

    it("is well, and has no name or value in its refs", async () => {
      const driver = await open();
      expect(await driver.health()).toBeUndefined();
      const ref = await driver.write("sec_1", { "canary-key": "canary-value" });
      expect(ref).not.toContain("canary");
      expect(ref).toContain("sec_1");
    });
  });
}
