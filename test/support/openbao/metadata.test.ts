import { describe, expect, it } from "vitest";
import { openBao } from "./open.ts";
import { done, error, shape, success } from "./shape.ts";
import type { TestBao } from "./types.ts";

function engine(bao: TestBao) {
  return async (method: string, path: string, body?: unknown) =>
    shape(await bao.call(method, `${bao.mount}/${path}`, body));
}

const known = (over: object = {}) => ({
  cas_required: false,
  created_time: "<time>",
  current_metadata_version: 1,
  current_version: 0,
  custom_metadata: null,
  delete_version_after: "0s",
  max_versions: 0,
  metadata_cas_required: false,
  oldest_version: 0,
  updated_time: "<time>",
  versions: {},
  ...over,
});
const one = { created_time: "<time>", deletion_time: "", destroyed: false };

describe("metadata", () => {
  it("exist before the first version, and list all versions", async () => {
    const kv = engine(await openBao());
    expect(await kv("GET", "metadata/x")).toEqual(error(404));
    const custom_metadata = { "managed-by": "mcpctl", n: "1" };
    expect(await kv("POST", "metadata/x", { custom_metadata: { "managed-by": "mcpctl", n: 1 } })).toEqual(
      done,
    );
    expect(await kv("GET", "metadata/x")).toEqual(success(known({ custom_metadata })));
    expect(await kv("GET", "data/x")).toEqual(error(404));
    expect(await kv("POST", "data/x", { data: {}, options: { cas: 0 } })).toEqual(
      success({ ...one, version: 1, custom_metadata }),
    );
    expect(await kv("GET", "metadata/x")).toEqual(
      success(known({ custom_metadata, current_version: 1, versions: { 1: one } })),
    );
  });

  it("are changed in the given fields, and patched in parts of a field", async () => {
    const kv = engine(await openBao());
    await kv("POST", "metadata/x", { custom_metadata: { a: "1", b: "2" }, max_versions: 5 });
    expect(await kv("POST", "metadata/x", {})).toEqual(done);
    expect(await kv("PATCH", "metadata/x", { custom_metadata: { a: null, c: "3" } })).toEqual(done);
    const custom_metadata = { b: "2", c: "3" };
    expect(await kv("GET", "metadata/x")).toEqual(
      success(known({ custom_metadata, max_versions: 5, current_metadata_version: 2 })),
    );
    expect(await kv("POST", "metadata/x", { custom_metadata: { d: "4" } })).toEqual(done);
    expect(await kv("POST", "metadata/x", { max_versions: "0x10", delete_version_after: "1h30m" })).toEqual(
      done,
    );
    expect(await kv("GET", "metadata/x")).toEqual(
      success(
        known({
          custom_metadata: { d: "4" },
          max_versions: 16,
          delete_version_after: "1h30m0s",
          current_metadata_version: 4,
        }),
      ),
    );
    expect(await kv("PATCH", "metadata/x", { custom_metadata: null })).toEqual(done);
    expect(await kv("GET", "metadata/x")).toMatchObject([200, { data: { custom_metadata: null } }]);
  });

  it("are deleted with all versions", async () => {
    const kv = engine(await openBao());
    await kv("POST", "data/x", { data: {} });
    expect(await kv("DELETE", "metadata/x")).toEqual(done);
    expect(await kv("GET", "metadata/x")).toEqual(error(404));
    expect(await kv("GET", "data/x?version=1")).toEqual(error(404));
    expect(await kv("POST", "undelete/x", { versions: [1] })).toEqual(done);
    expect(await kv("GET", "data/x")).toEqual(error(404));
  });

  it("may be custom within limits, and every fault is reported", async () => {
    const kv = engine(await openBao());
    const write = (custom_metadata: unknown) => kv("POST", "metadata/x", { custom_metadata });
    const fault = (...faults: string[]) =>
      error(
        400,
        `${faults.length === 1 ? "1 error" : `${faults.length} errors`} occurred:\n${faults
          .map((text) => `\t* custom_metadata validation failed: ${text}\n`)
          .join("")}\n`,
      );
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, "v"]));
    expect(await write(many)).toEqual(fault("payload must contain at most 64 keys, provided 65"));
    expect(await write({ a: "" })).toEqual(
      fault('length of value for key "a" is 0 but must be 0 < len(value) <= 512'),
    );
    expect(await write({ a: "x".repeat(513) })).toEqual(
      fault('length of value for key "a" is 513 but must be 0 < len(value) <= 512'),
    );
    const long = "k".repeat(129);
    expect(await write({ [long]: "v" })).toEqual(
      fault(`length of key "${long}" is 129 but must be 0 < len(key) <= 128`),
    );
    expect(await write({ a: "é".repeat(257) })).toEqual(
      fault('length of value for key "a" is 514 but must be 0 < len(value) <= 512'),
    );
    expect(await write({ a: "b\nc" })).toEqual(fault('value for key "a" contains unprintable characters'));
    expect(await write({ a: { b: "c" } })).toEqual(
      error(
        400,
        "custom_metadata validation failed: '' expected type 'string', got unconvertible type 'map[string]interface {}'",
      ),
    );
    expect(await kv("GET", "metadata/x")).toEqual(error(404));
  });

  it("have their own check-and-set", async () => {
    const kv = engine(await openBao());
    const write = (wishes: object) => kv("POST", "metadata/x", { max_versions: 2, ...wishes });
    expect(await write({ metadata_cas: 1 })).toEqual(
      error(400, "metadata_cas must be 0 when creating new metadata"),
    );
    expect(await write({ metadata_cas: 0, metadata_cas_required: true })).toEqual(done);
    expect(await write({})).toEqual(error(400, "metadata check-and-set parameter required for this call"));
    expect(await write({ metadata_cas: 0 })).toEqual(
      error(400, "metadata check-and-set parameter does not match the current version"),
    );
    expect(await write({ metadata_cas: 1 })).toEqual(done);
  });

  it("accept valid durations only", async () => {
    const kv = engine(await openBao());
    const fault = (text: string) =>
      error(400, `error converting input for field "delete_version_after": ${text}`);
    for (const [duration, text] of [
      ["-1s", "cannot provide negative value '-1'"],
      ["1x", 'time: unknown unit "x" in duration "1x"'],
      ["soon", 'time: invalid duration "soon"'],
      [1.5, 'time: missing unit in duration "1.5"'],
      [true, "could not parse duration from input"],
    ] as const)
      expect(await kv("POST", "metadata/x", { delete_version_after: duration })).toEqual(fault(text));
    for (const [duration, shown] of [
      ["2d", "48h0m0s"],
      ["1.5h", "1h30m0s"],
      ["90", "1m30s"],
      [5, "5s"],
    ] as const) {
      expect(await kv("POST", "metadata/x", { delete_version_after: duration })).toEqual(done);
      expect(await kv("GET", "metadata/x")).toMatchObject([200, { data: { delete_version_after: shown } }]);
    }
  });
});

describe("an automatic deletion", () => {
  it("has its time in the metadata from the start", async () => {
    const kv = engine(await openBao());
    await kv("POST", "metadata/x", { delete_version_after: "1h" });
    expect(await kv("POST", "data/x", { data: {} })).toMatchObject([
      200,
      { data: { deletion_time: "<time>" } },
    ]);
    expect((await kv("GET", "data/x"))[0]).toBe(200);
    expect(await kv("POST", "config", { delete_version_after: "-1s" })).toEqual(done);
    expect(await kv("POST", "data/x", { data: {} })).toMatchObject([200, { data: { deletion_time: "" } }]);
    expect(await kv("GET", "config")).toEqual(
      success({
        cas_required: false,
        delete_version_after: "-1s",
        max_versions: 0,
        metadata_cas_required: false,
      }),
    );
  });
});

describe("a list", () => {
  it("has the names in a folder, sorted, folders with a slash", async () => {
    const kv = engine(await openBao());
    expect(await kv("GET", "metadata/?list=true")).toEqual(error(404));
    for (const key of ["b", "a/x", "a/y/z", "a", "B", "é"]) await kv("POST", `data/${key}`, { data: {} });
    for (const path of ["metadata/?list=true", "metadata?list=1", "metadata?list=T"])
      expect(await kv("GET", path)).toEqual(success({ keys: ["B", "a", "a/", "b", "é"] }));
    expect(await kv("GET", "metadata/a?list=true")).toEqual(success({ keys: ["x", "y/"] }));
    expect(await kv("GET", "metadata/a/?list=true")).toEqual(success({ keys: ["x", "y/"] }));
    for (const nothing of ["b", "c", "a/x"])
      expect(await kv("GET", `metadata/${nothing}?list=true`)).toEqual(error(404));
  });

  it("includes keys whose versions are all deleted, and has pages", async () => {
    const kv = engine(await openBao());
    for (const key of ["a", "b", "c"]) await kv("POST", `data/${key}`, { data: {} });
    await kv("DELETE", "data/b");
    expect(await kv("GET", "metadata/?list=true&limit=2")).toEqual(success({ keys: ["a", "b"] }));
    expect(await kv("GET", "metadata/?list=true&after=b")).toEqual(success({ keys: ["c"] }));
    expect(await kv("GET", "metadata/?list=true&after=c")).toEqual(error(404));
  });

  it("is refused for a query that is neither a list nor a scan", async () => {
    const kv = engine(await openBao());
    expect(await kv("GET", "metadata/?list=maybe")).toEqual(error(400));
    expect(await kv("GET", "metadata/?list=true&scan=true")).toEqual(error(400));
  });

  it("includes subfolders as a scan", async () => {
    const kv = engine(await openBao());
    for (const key of ["a/x", "a/y/z", "b"]) await kv("POST", `data/${key}`, { data: {} });
    expect(await kv("GET", "metadata/?scan=true")).toEqual(success({ keys: ["b", "a/x", "a/y/z"] }));
  });

  it("can include metadata, and can show keys without values", async () => {
    const kv = engine(await openBao());
    await kv("POST", "data/a/x", { data: { k: "v", n: { m: 1 } } });
    expect(await kv("GET", "detailed-metadata/?list=true")).toEqual(
      success({ keys: ["a/"], key_info: { "a/": {} } }),
    );
    const info = known({ current_version: 1, current_metadata_version: 0, versions: { 1: one } });
    expect(await kv("GET", "detailed-metadata/a?list=true")).toEqual(
      success({ keys: ["x"], key_info: { x: info } }),
    );
    const metadata = { ...one, version: 1, custom_metadata: null };
    expect(await kv("GET", "subkeys/a/x")).toEqual(
      success({ subkeys: { k: null, n: { m: null } }, metadata }),
    );
    expect(await kv("GET", "subkeys/a/x?depth=1")).toEqual(
      success({ subkeys: { k: null, n: null }, metadata }),
    );
  });
});
