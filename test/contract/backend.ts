import { describe, expect, it } from "vitest";
import type { Driver } from "../../src/backends/types.ts";

/**
 * The contract that every driver of a secret backend keeps.
 *
 * @param open opens a driver over an empty backend, for one test
 */
export function backendContract(name: string, open: () => Promise<Driver>): void {
  describe(`${name}: contract of secret backends`, () => {
    it("returns written values byte for byte", async () => {
      const driver = await open();
      const data = {
        "api-key": "sk-…",
        "with.dots": 'quotes " and \\',
        unicode: "ключ 🔑",
        "looks-like-html": "<b>&amp;</b>\u2028",
        spaces: "  ",
        long: "x".repeat(65_536),
      };
      await driver.write("sec_1/ver_1", data);
      expect(await driver.read("sec_1/ver_1")).toEqual(data);
    });

    it("stores as many keys as a secret may have", async () => {
      const driver = await open();
      const data = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key-${i}`, `value-${i}`]));
      await driver.write("sec_1/ver_1", data);
      expect(await driver.read("sec_1/ver_1")).toEqual(data);
    });

    it("keeps every write of a secret separately", async () => {
      const driver = await open();
      const refs = ["sec_1/ver_1", "sec_1/ver_2", "sec_2/ver_1"];
      for (const ref of refs) await driver.write(ref, { k: ref });
      for (const ref of refs) expect(await driver.read(ref)).toEqual({ k: ref });
      expect((await driver.list()).sort()).toEqual(refs);
    });

    it("deletes one ref alone, and accepts a ref that does not exist", async () => {
      const driver = await open();
      for (const k of ["gone", "kept"]) await driver.write(`sec_1/ver_${k}`, { k });
      await driver.delete("sec_1/ver_gone");
      await driver.delete("sec_1/ver_gone");
      await driver.delete("sec_0/ver_never");
      expect(await driver.read("sec_1/ver_gone")).toBeNull();
      expect(await driver.read("sec_0/ver_never")).toBeNull();
      expect(await driver.read("sec_1/ver_kept")).toEqual({ k: "kept" });
      expect(await driver.list()).toEqual(["sec_1/ver_kept"]);
    });

    it("returns an empty list for an empty backend", async () => {
      expect(await (await open()).list()).toEqual([]);
    });

    it("keeps values apart that are written at the same time", async () => {
      const driver = await open();
      const refs = Array.from({ length: 50 }, (_, i) => `sec_${i % 5}/ver_${i}`);
      await Promise.all(refs.map((ref) => driver.write(ref, { k: ref })));
      expect(await Promise.all(refs.map((ref) => driver.read(ref)))).toEqual(refs.map((k) => ({ k })));
      expect((await driver.list()).sort()).toEqual(refs.toSorted());
    });

    it("is healthy", async () => {
      expect(await (await open()).health()).toEqual({ status: "healthy" });
    });
  });
}
