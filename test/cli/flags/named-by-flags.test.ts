import { expect, it } from "vitest";
import { namedByFlags } from "../../../src/cli/flags/named-by-flags.ts";
import { AppError } from "../../../src/errors.ts";
import { kindOf } from "../../../src/kinds/index.ts";

/** The refusal of a server, as it words it. */
function refusal(...faults: [path: string, message: string][]): AppError {
  const [path, message] = faults[0]!;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  return new AppError(
    "invalid_request",
    `invalid object: ${path.slice(1).replaceAll("/", ".")}: ${message}${more}`,
    { details: faults.map(([path, message]) => ({ path, message })), requestId: "req_1", hint: "a hint" },
  );
}

it.each([
  ["token", { bind: ["role:view"] }, "/roleBindings/0/name", "--bind"],
  ["token", { bind: ["role:view", "role:run"] }, "/roleBindings/1/resource", "--bind #2"],
  ["token", { ttl: "1h" }, "/expiresAt", "--ttl"],
  ["group", { member: ["a", "b"] }, "/members/0", "--member #1"],
  [
    "secretbackend",
    { url: "http://x", "token-secret": "a/b" },
    "/config/auth/tokenSecretRef",
    "--token-secret",
  ],
  ["prompt", {}, "/project", "--project"],
  ["user", { quota: ["nosuch=1"] }, "/quotas/nosuch", "--quota nosuch"],
] as const)("a refused field of a new %s has the name of its flag: %o", (kind, given, path, flag) => {
  const error = namedByFlags(refusal([path, "is wrong"]), kindOf(kind), structuredClone(given) as never, "p");
  expect(error).toMatchObject({
    code: "invalid_request",
    message: `invalid object: ${flag}: is wrong`,
    details: [{ path: flag, message: "is wrong" }],
    requestId: "req_1",
    hint: "a hint",
    status: 400,
  });
});

it("a field that is missing has the name of the flag that would set it", () => {
  const error = refusal(["/limits/maxConcurrent", "is required with queueSeconds"]);
  expect(namedByFlags(error, kindOf("llm"), { "queue-seconds": "1" })).toMatchObject({
    message: "invalid object: --max-concurrent: is required with queueSeconds",
  });
});

it("fields that no flag has set keep their names, and other errors stay as they are", () => {
  const token = kindOf("token");
  const untouched = refusal(["/roleBindings/0/name", "is wrong"]);
  expect(namedByFlags(untouched, token, { bind: [], force: false })).toBe(untouched);
  const plain = new AppError("forbidden", "no");
  expect(namedByFlags(plain, token, { bind: ["role:view"] })).toBe(plain);
  const mixed = refusal(["/other", "is $& wrong"], ["/expiresAt", "is late"]);
  expect(namedByFlags(mixed, token, { ttl: "1h" })).toMatchObject({
    message: "invalid object: other: is $& wrong (and 1 more)",
    details: [
      { path: "/other", message: "is $& wrong" },
      { path: "--ttl", message: "is late" },
    ],
  });
});
