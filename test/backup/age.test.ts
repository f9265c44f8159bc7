import { Decrypter, Encrypter } from "age-encryption";
import { describe, expect, it } from "vitest";
import {
  checkRecipient,
  decrypted,
  encrypted,
  identitiesIn,
  isAge,
  newTransferKey,
} from "../../src/backup/age.ts";
import { collected, inPieces } from "./archives.ts";

const text = Buffer.from("x".repeat(200_000));

describe("an encrypted backup", () => {
  it("is opened by its key and by no other, and no changed byte passes", async () => {
    const { key, recipient } = await newTransferKey();
    const other = await newTransferKey();
    const bytes = await collected(encrypted(inPieces(text), { recipients: [recipient] }));
    expect(isAge(bytes)).toBe(true);
    expect(isAge(text)).toBe(false);
    expect(bytes.includes("xxxxxxxx")).toBe(false);
    expect((await collected(decrypted(inPieces(bytes, 1000), key))).equals(text)).toBe(true);
    await expect(collected(decrypted(inPieces(bytes), other.key))).rejects.toMatchObject({
      code: "invalid_request",
      message: "the passphrase or key does not open the backup",
    });
    for (const at of [0, 30, 60, 120, 150, 180, 200, 250, 70_000, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      await expect(collected(decrypted(inPieces(changed), key)), String(at)).rejects.toMatchObject({
        code: "invalid_request",
      });
    }
    for (const length of [0, 10, 100, 250, 70_000, bytes.length - 1])
      await expect(collected(decrypted(inPieces(bytes.subarray(0, length)), key))).rejects.toMatchObject({
        code: "invalid_request",
      });
  });

  it("with a passphrase is one that age opens, and opens one of age", async () => {
    const bytes = await collected(encrypted(inPieces(text), { passphrase: "correct horse", workFactor: 4 }));
    expect(bytes.toString("latin1")).toMatch(/^age-encryption.org\/v1\n-> scrypt \S+ 4\n/);
    const decrypter = new Decrypter();
    decrypter.addPassphrase("correct horse");
    expect(Buffer.from(await decrypter.decrypt(bytes)).equals(text)).toBe(true);
    const encrypter = new Encrypter();
    encrypter.setPassphrase("correct horse");
    encrypter.setScryptWorkFactor(4);
    const other = await encrypter.encrypt(text);
    const opened = (passphrase: string, from = other) => collected(decrypted(inPieces(from), { passphrase }));
    expect((await opened("correct horse")).equals(text)).toBe(true);
    await expect(opened("wrong horse")).rejects.toMatchObject({
      message: "the passphrase or key does not open the backup",
    });
    // A file must not choose how much memory and time it costs to try.
    const costly = Buffer.from(
      Buffer.from(other)
        .toString("latin1")
        .replace(/^(-> scrypt \S+) 4$/m, "$1 30"),
      "latin1",
    );
    await expect(opened("correct horse", costly)).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("takes only public keys of age", () => {
    for (const wrong of ["", "age1x", "AGE-SECRET-KEY-1X", "ssh-ed25519 AAAA"])
      expect(() => checkRecipient(wrong)).toThrow("is not a public key of age");
  });

  it("is opened by the keys in a file, without its comments", () => {
    expect(identitiesIn("# created: today\r\n# public key: age1x\r\nAGE-SECRET-KEY-1A\r\n\n")).toEqual([
      "AGE-SECRET-KEY-1A",
    ]);
  });
});
