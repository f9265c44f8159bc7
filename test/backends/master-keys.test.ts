import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyRing, masterKey, parseKeyRing, withKeyOnTop } from "../../src/backends/master-keys.ts";
import { AppError } from "../../src/errors.ts";

const one = Buffer.from("00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0", "hex");
const two = Buffer.from(`${"fbff7e".repeat(10)}fbff`, "hex");
const ids = (content: string | Uint8Array) =>
  parseKeyRing(Buffer.from(content), "/keys").keys.map(({ id }) => id);
const [idOfOne, idOfTwo] = [masterKey(one).id, masterKey(two).id];

/** Returns the error for a file that is not a master key file. */
function refusal(content: string | Uint8Array): AppError {
  try {
    parseKeyRing(Buffer.from(content), "/keys");
  } catch (error) {
    return error as AppError;
  }
  throw new Error("it was taken");
}

describe("a master key", () => {
  it("has an id that is derived from it, as in earlier versions", () => {
    // HKDF-SHA-256 of bytes 0…31 by another implementation (Python's cryptography).
    expect(masterKey(Uint8Array.from({ length: 32 }, (_, i) => i)).id).toBe("8cd8189cb3ecd7be");
  });

  it("is not shown when it is printed", () => {
    const key = masterKey(one);
    const printed = [
      inspect(key, { depth: 9 }),
      Bun.inspect(keyRing(key)),
      JSON.stringify(keyRing(key)),
    ].join();
    expect(printed).toContain(key.id);
    const bytes = [key.secret, key.wrapping].map((secret) => secret.export());
    for (const form of ["hex", "base64", "base64url", "latin1"] as const)
      for (const secret of bytes) expect(printed).not.toContain(secret.toString(form).slice(0, 10));
  });
});

describe("a key ring", () => {
  it("seals with its newest key and opens with all keys", () => {
    const old = keyRing(masterKey(one));
    const ring = old.withNew(masterKey(two));
    expect(ring.current.id).toBe(idOfTwo);
    expect(ring.keys.map(({ id }) => id)).toEqual([idOfTwo, idOfOne]);
    expect([idOfOne, idOfTwo, "0000000000000000"].map((id) => ring.find(id)?.id)).toEqual([
      idOfOne,
      idOfTwo,
      undefined,
    ]);
    expect(old.keys.map(({ id }) => id)).toEqual([idOfOne]);
  });
});

describe("a master key file", () => {
  it("has 32 bytes, or text with one key a line", () => {
    expect(ids(one)).toEqual([idOfOne]);
    for (const text of [
      one.toString("hex"),
      one.toString("hex").toUpperCase(),
      one.toString("base64"),
      one.toString("base64").replace("=", ""),
      `\n\n# home\n  ${one.toString("base64")}  \n\n`,
      `${one.toString("hex")} # home\r\n`,
      `\uFEFF${one.toString("hex")}\r\n`,
    ])
      expect(ids(text), JSON.stringify(text)).toEqual([idOfOne]);
    expect(two.toString("base64")).toMatch(/[+/]/);
    expect(ids(`${two.toString("base64url")}\n`)).toEqual([idOfTwo]);
    expect(ids(`# new\r\n${two.toString("base64")}\r\n# old\r\n${one.toString("hex")}\r\n`)).toEqual([
      idOfTwo,
      idOfOne,
    ]);
  });

  it("is refused with any other content, which is not quoted", () => {
    const base64 = one.toString("base64");
    const cases: [content: string | Uint8Array, why: RegExp][] = [
      ["", /no key/],
      ["# only a comment\n", /no key/],
      [one.subarray(1), /neither 32 bytes nor text/],
      [Buffer.concat([one, Buffer.from("\n")]), /neither 32 bytes nor text/],
      [one.toString("hex").slice(2), /line 1 is not a key/],
      [`${one.toString("hex")}00`, /line 1 is not a key/],
      [`\n${base64.slice(4)}\n`, /line 2 is not a key/],
      [`${base64}=`, /line 1 is not a key/],
      [`${base64.slice(0, 42)}B=`, /line 1 is not a key/],
      [`${base64} ${base64}`, /line 1 is not a key/],
      [`${base64}\nmy-passphrase-for-mcpctl\n`, /line 2 is not a key/],
      // Half a key in hex, and a passphrase: 32 bytes, and far from 256 bits.
      [one.toString("hex").slice(32), /line 1 is not a key/],
      ["correct horse battery staple 123", /line 1 is not a key/],
      [new Uint8Array(32), /zeros/],
      ["00".repeat(32), /zeros/],
      [`${base64}\n${"A".repeat(43)}=\n`, /zeros/],
      [`${base64}\n# again\n${one.toString("hex")}\n`, /line 3 .* second time/],
    ];
    for (const [content, why] of cases) {
      const error = refusal(content);
      expect(error, String(content)).toBeInstanceOf(AppError);
      expect(error).toMatchObject({ code: "unavailable", message: expect.stringMatching(why) });
      expect(error.message).toMatch(/^master key file \/keys: /);
      expect(error.hint).toContain("openssl rand -base64 32 > master-key");
      const words = Buffer.from(content)
        .toString("latin1")
        .split(/[\s=]+/)
        .filter((word) => word.length > 4);
      const said = [error.message, error.hint, error.stack, error.cause].join("\n");
      for (const word of words.filter((word) => !"only comment again".includes(word)))
        expect(said).not.toContain(word);
    }
  });

  it("gets a new key at the top, and keeps the rest", () => {
    const key = masterKey(two);
    const before = `# made by hand\r\n${one.toString("hex")}   # home\r\n`;
    const after = withKeyOnTop(Buffer.from(before), key, "2026-11-21");
    expect(after).toBe(
      `# since 2026-11-21; the keys below open backups made before\n${two.toString("base64")}\n${before}`,
    );
    expect(ids(after)).toEqual([idOfTwo, idOfOne]);
    expect(ids(withKeyOnTop(one, key, "2026-11-21"))).toEqual([idOfTwo, idOfOne]);
    const noNewline = Buffer.from(one.toString("base64"));
    expect(ids(withKeyOnTop(noNewline, key, "2026-11-21"))).toEqual([idOfTwo, idOfOne]);
  });

  it("may hold any keys in any notation", () => {
    const form = fc.constantFrom("hex", "base64", "base64url");
    const bytes = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .filter((key) => key.some((byte) => byte !== 0));
    const keys = fc.uniqueArray(fc.tuple(bytes, form), { minLength: 1, selector: ([key]) => String(key) });
    fc.assert(
      fc.property(keys, fc.constantFrom("\n", "\r\n", "\n\n# old\n"), (keys, between) => {
        const text = keys.map(([key, form]) => Buffer.from(key).toString(form as "hex")).join(between);
        expect(ids(text)).toEqual(keys.map(([key]) => masterKey(key).id));
      }),
    );
  });
});
