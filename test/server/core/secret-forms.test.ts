import { expect, it } from "vitest";
import { secretForms } from "../../../src/server/core/secret-forms.ts";

it("finds a secret in base64 wherever it stands in the text that is encoded (T150, T221)", () => {
  for (const secret of ["hunter2-is-mine", "hunter2-is-my", "hunter2-is-my?>", "ünïcode-secret"])
    for (const before of ["", "u", "us", "user:"])
      for (const behind of ["", "!", "!!"])
        for (const encoding of ["base64", "base64url"] as const) {
          const text = Buffer.from(before + secret + behind).toString(encoding);
          const found = secretForms(secret).filter((form) => text.includes(form));
          expect(found, `${before}${secret}${behind} ${encoding}`).not.toEqual([]);
          // What is left tells at most the edges.
          expect(Math.max(...found.map(({ length }) => length))).toBeGreaterThanOrEqual(
            Math.floor((Buffer.byteLength(secret) * 4) / 3) - 2,
          );
        }
});
