import { describe, expect, it } from "vitest";
import { AppError, codeOfStatus } from "../src/errors.ts";

describe("codeOfStatus", () => {
  it("returns a code with the same status, for answers that have no code of their own", () => {
    for (const status of [401, 403, 404, 409, 410, 429, 503])
      expect(new AppError(codeOfStatus(status), "").status).toBe(status);
  });

  it("returns invalid_request for any other refusal, and internal for any other failure", () => {
    expect([400, 418, 499].map(codeOfStatus)).toEqual(Array(3).fill("invalid_request"));
    expect([500, 502, 599].map(codeOfStatus)).toEqual(Array(3).fill("internal"));
  });
});
