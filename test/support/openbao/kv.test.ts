import { describe, expect, it } from "vitest";
import { openBao } from "./open.ts";
import { ownMount } from "./resources.ts";
import { done, error, shape, success } from "./shape.ts";
import type { TestBao } from "./types.ts";

/** Calls of this test's engine, each answer with its volatile parts named. */
function engine(bao: TestBao) {
  return async (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    shape(await bao.call(method, `${bao.mount}/${path}`, body, headers ? { headers } : {}));
}

const about = (version: number, over: object = {}) => ({
  version,
  created_time: "<time>",
  deletion_time: "",
  destroyed: false,
  custom_metadata: null,
  ...over,
});
const deleted = { deletion_time: "<time>" };
const notFound = error(404);

describe("a version", () => {
  it("is written by POST and by PUT, and read with its metadata", async () => {
    const kv = engine(await openBao());
    expect(await kv("POST", "data/a/b", { data: { k: "v" } })).toEqual(success(about(1)));
    expect(await kv("PUT", "data/a/b", { data: { k: "w", n: { x: [1, null] } } })).toEqual(success(about(2)));
    const second = { data: { k: "w", n: { x: [1, null] } }, metadata: about(2) };
    expect(await kv("GET", "data/a/b")).toEqual(success(second));
    for (const version of ["0", "-1", "2", ""])
      expect(await kv("GET", `data/a/b?version=${version}`)).toEqual(success(second));
    expect(await kv("GET", "data/a/b?version=1")).toEqual(success({ data: { k: "v" }, metadata: about(1) }));
    expect(await kv("GET", "data/a/b?version=3")).toEqual(notFound);
    expect(await kv("GET", "data/a")).toEqual(notFound);
    expect(await kv("GET", "data/a/b/")).toEqual(
      error(500, "1 error occurred:\n\t* could not find version data\n\n"),
    );
  });

  it("keeps text unchanged, and numbers as floating point", async () => {
    const kv = engine(await openBao());
    const odd =
      '{"data":{"e":"é\\u0000\\ud83d\\ude00","lone":"\\ud800","big":12345678901234567890,"__proto__":1}}';
    expect((await kv("POST", "data/x", odd))[0]).toBe(200);
    const [, body] = await kv("GET", "data/x");
    const { data } = (body as { data: { data: Record<string, unknown> } }).data;
    expect(data["e"]).toBe("é\u0000😀");
    expect(data["lone"]).toBe("\ufffd");
    expect(data["big"]).toBe(12345678901234567000);
    expect(Object.hasOwn(data, "__proto__")).toBe(true);
  });

  it("is refused without data, or with data that are not an object", async () => {
    const kv = engine(await openBao());
    expect(await kv("POST", "data/x", {})).toEqual(error(400, "no data provided"));
    expect(await kv("POST", "data/x")).toEqual(error(400, "no data provided"));
    for (const [data, type] of [
      ["x", "string"],
      [1, "json.Number"],
      [true, "bool"],
    ])
      expect(await kv("POST", "data/x", { data })).toEqual(
        error(
          400,
          `error converting input for field "data": '' expected type 'map[string]interface {}', got unconvertible type '${type}'`,
        ),
      );
    expect(await kv("GET", "data/x")).toEqual(notFound);
    expect(await kv("POST", "data/x", { data: null })).toEqual(success(about(1)));
    expect(await kv("GET", "data/x")).toEqual(success({ data: null, metadata: about(1) }));
  });

  it("has a warning about unknown parameters", async () => {
    const kv = engine(await openBao());
    const warnings = ["Endpoint ignored these unrecognized parameters: [extra more]"];
    expect(await kv("POST", "data/x", { data: {}, more: 1, extra: 2 })).toEqual(
      success(about(1), { warnings }),
    );
  });

  it("cannot be read with a version that is not a number", async () => {
    const kv = engine(await openBao());
    expect(await kv("GET", "data/x?version=one")).toEqual(
      error(
        400,
        `Field validation failed: error converting input for field "version": '' cannot parse value as 'int': strconv.ParseInt: invalid syntax`,
      ),
    );
  });
});

describe("check-and-set", () => {
  const mismatch = error(400, "check-and-set parameter did not match the current version");
  const required = error(400, "check-and-set parameter required for this call");

  it("accepts the present version, and 0 only for a new key", async () => {
    const kv = engine(await openBao());
    const write = (cas: unknown) => kv("POST", "data/x", { data: {}, options: { cas } });
    expect(await write(1)).toEqual(mismatch);
    expect(await write(0)).toEqual(success(about(1)));
    expect(await write(0)).toEqual(mismatch);
    expect(await write(-1)).toEqual(mismatch);
    expect(await write(null)).toEqual(mismatch);
    for (const nonsense of ["x", 1.5])
      expect(await write(nonsense)).toEqual(error(400, "error parsing check-and-set parameter"));
    expect(await write("1")).toEqual(success(about(2)));
    expect(await kv("DELETE", "data/x")).toEqual(done);
    expect(await write(0)).toEqual(mismatch);
    expect(await write(2)).toEqual(success(about(3)));
    expect(await kv("DELETE", "metadata/x")).toEqual(done);
    expect(await write(0)).toEqual(success(about(1)));
  });

  it("can be required by a key, and by the engine", async () => {
    const kv = engine(await openBao());
    expect(await kv("POST", "metadata/x", { cas_required: true })).toEqual(done);
    expect(await kv("POST", "data/x", { data: {} })).toEqual(required);
    expect(await kv("POST", "data/y", { data: {} })).toEqual(success(about(1)));
    expect(await kv("POST", "config", { cas_required: true })).toEqual(done);
    expect(await kv("POST", "data/y", { data: {} })).toEqual(required);
    expect(await kv("POST", "metadata/z", { cas_required: false })).toEqual(
      success(null, {
        warnings: [
          '"cas_required" set to false, but is mandated by backend config. This value will be ignored.',
        ],
      }),
    );
  });
});

describe("a patch", () => {
  it("merges into the last version", async () => {
    const kv = engine(await openBao());
    await kv("POST", "data/x", { data: { a: 1, b: { c: 2, d: 3 } } });
    expect(await kv("PATCH", "data/x", { data: { a: null, b: { d: null, e: [null] } } })).toEqual(
      success(about(2)),
    );
    expect(await kv("GET", "data/x")).toEqual(
      success({ data: { b: { c: 2, e: [null] } }, metadata: about(2) }),
    );
    expect(await kv("PATCH", "data/x", { data: {}, options: { cas: 1 } })).toEqual(
      error(400, "check-and-set parameter did not match the current version"),
    );
    expect(await kv("PATCH", "data/x", {})).toEqual(error(400, "no data provided"));
  });

  it("needs its own content type", async () => {
    const kv = engine(await openBao());
    expect(await kv("PATCH", "data/x", { data: {} }, { "content-type": "application/json" })).toEqual(
      error(415, "PATCH requires Content-Type of application/merge-patch+json, provided application/json"),
    );
  });

  it("is a 404 if there is no version", async () => {
    const kv = engine(await openBao());
    expect(await kv("PATCH", "data/x", { data: {} })).toEqual([404, null]);
    expect(await kv("PATCH", "metadata/x", { max_versions: 1 })).toEqual([404, null]);
    await kv("POST", "data/x", { data: {} });
    await kv("DELETE", "data/x");
    expect(await kv("PATCH", "data/x", { data: {} })).toEqual(success(about(1, deleted), { status: 404 }));
  });
});

describe("a deleted version", () => {
  it("is not found, but has metadata, until it is undeleted", async () => {
    const kv = engine(await openBao());
    await kv("POST", "data/x", { data: { n: 1 } });
    await kv("POST", "data/x", { data: { n: 2 } });
    expect(await kv("DELETE", "data/x")).toEqual(done);
    const gone = { data: null, metadata: about(2, deleted) };
    expect(await kv("GET", "data/x")).toEqual(success(gone, { status: 404 }));
    expect(await kv("GET", "data/x?version=1")).toEqual(success({ data: { n: 1 }, metadata: about(1) }));
    expect(await kv("POST", "delete/x", { versions: [1, 9] })).toEqual(done);
    expect((await kv("GET", "data/x?version=1"))[0]).toBe(404);
    expect(await kv("POST", "undelete/x", { versions: ["1", 2] })).toEqual(done);
    expect(await kv("GET", "data/x")).toEqual(success({ data: { n: 2 }, metadata: about(2) }));
    expect((await kv("GET", "data/x?version=1"))[0]).toBe(200);
  });

  it("cannot be undeleted once it is destroyed", async () => {
    const kv = engine(await openBao());
    await kv("POST", "data/x", { data: { n: 1 } });
    expect(await kv("PUT", "destroy/x", { versions: "1" })).toEqual(done);
    expect(await kv("POST", "undelete/x", { versions: [1] })).toEqual(done);
    const gone = { data: null, metadata: about(1, { destroyed: true }) };
    expect(await kv("GET", "data/x")).toEqual(success(gone, { status: 404 }));
  });

  it("is named by its number", async () => {
    const kv = engine(await openBao());
    expect(await kv("POST", "delete/x", {})).toEqual(error(400, "No version number provided"));
    expect(await kv("POST", "undelete/x", { versions: [] })).toEqual(
      error(400, "No version number provided"),
    );
    expect(await kv("POST", "destroy/x", {})).toEqual(error(400, "no version number provided"));
    expect(await kv("POST", "destroy/x", { versions: [1] })).toEqual(done);
    expect(await kv("DELETE", "data/never")).toEqual(done);
    expect(await kv("DELETE", "metadata/never")).toEqual(done);
  });
});

describe("versions", () => {
  it("are ten by default, and the oldest is deleted first", async () => {
    const kv = engine(await openBao());
    for (let n = 1; n <= 11; n++) await kv("POST", "data/x", { data: { n } });
    expect(await kv("GET", "data/x?version=1")).toEqual(notFound);
    expect((await kv("GET", "data/x?version=2"))[0]).toBe(200);
    expect(await kv("GET", "metadata/x")).toMatchObject([
      200,
      { data: { oldest_version: 2, current_version: 11 } },
    ]);
  });

  it("are as many as the engine or the key permits, whichever is more", async () => {
    const kv = engine(await openBao());
    await kv("POST", "config", { max_versions: 2 });
    await kv("POST", "metadata/x", { max_versions: 3 });
    for (let n = 1; n <= 4; n++)
      for (const key of ["x", "y"]) await kv("POST", `data/${key}`, { data: { n } });
    expect((await kv("GET", "data/x?version=2"))[0]).toBe(200);
    expect(await kv("GET", "data/x?version=1")).toEqual(notFound);
    expect(await kv("GET", "data/y?version=2")).toEqual(notFound);
  });
});

describe("a path that a version 2 engine does not have", () => {
  const invalid = (command: string) =>
    success(null, {
      status: 404,
      warnings: [
        `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the OpenBao CLI, use 'bao kv ${command}' for this operation.`,
      ],
    });

  it("is distinguished from a missing key", async () => {
    const kv = engine(await openBao());
    expect(await kv("GET", "x")).toEqual(invalid("get"));
    expect(await kv("POST", "x", { k: "v" })).toEqual(invalid("put"));
    expect(await kv("DELETE", "x")).toEqual(invalid("delete"));
    expect(await kv("GET", "x?list=true")).toEqual(invalid("list"));
    const root = "Non-listing operations on the root of a K/V v2 mount are not supported.";
    for (const path of ["data", "metadata"])
      expect(await kv("GET", path)).toEqual(success(null, { status: 404, warnings: [root] }));
    expect(await kv("GET", "data/x?list=true")).toEqual(
      error(405, "1 error occurred:\n\t* unsupported operation\n\n"),
    );
  });

  it("is a path like any other in a version 1 engine", async () => {
    const bao = await openBao();
    const mount = await ownMount(bao, { type: "kv", options: { version: "1" } });
    const kv = engine({ ...bao, mount });
    expect(await kv("POST", "data/x", { data: { k: "v" } })).toEqual(done);
    expect(await kv("GET", "data/x")).toMatchObject([
      200,
      { lease_duration: 2764800, data: { data: { k: "v" } } },
    ]);
    expect(await kv("GET", "?list=true")).toEqual(success({ keys: ["data/"] }));
    expect(await kv("POST", "x", {})).toEqual(error(400, "missing data fields"));
    expect(await kv("GET", "metadata/data/x")).toEqual(notFound);
    expect(await kv("DELETE", "data/x")).toEqual(done);
    expect(await kv("GET", "data/x")).toEqual(notFound);
  });
});
