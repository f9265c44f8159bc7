import { describe, expect, it } from "vitest";
import { openBao } from "./open.ts";
import { ownName, ownPolicy, ownToken, tokenMay } from "./resources.ts";
import { denied, done, error, shape, success, unknownToken } from "./shape.ts";
import type { TestBao } from "./types.ts";

/** Returns the capabilities of a token with one policy, at the given paths. */
async function capabilities(bao: TestBao, policy: string, ...paths: string[]) {
  const token = await tokenMay(bao, `${policy}\npath "sys/capabilities-self" { capabilities = ["update"] }`);
  const { body } = await bao.call("POST", "sys/capabilities-self", { paths }, { token });
  return paths.map((path) => body.data[path].join(" "));
}

describe("a policy", () => {
  it("is written, read, listed and deleted", async () => {
    const bao = await openBao();
    const text = 'path "a/*" { capabilities = ["read"] }';
    const name = await ownPolicy(bao, text);
    const flags = {
      allow_slashes_in_identity_templates: false,
      allow_wildcards_in_identity_templates: false,
    };
    const data = { ...flags, cas_required: false, modified: "<time>", name, policy: text, version: 1 };
    expect(shape(await bao.call("GET", `sys/policies/acl/${name}`))).toEqual(success(data));
    const { keys } = (await bao.call("GET", "sys/policies/acl?list=true")).body.data;
    expect(keys).toEqual(expect.arrayContaining(["default", "root", name]));
    expect(shape(await bao.call("DELETE", `sys/policies/acl/${name}`))).toEqual(done);
    expect(shape(await bao.call("GET", `sys/policies/acl/${name}`))).toEqual(error(404));
    expect(shape(await bao.call("DELETE", `sys/policies/acl/${name}`))).toEqual(done);
  });

  it("is refused if it is not a policy", async () => {
    const bao = await openBao();
    const name = ownName("policy");
    const write = async (policy: string) =>
      shape(await bao.call("POST", `sys/policies/acl/${name}`, { policy }));
    const fault = (text: string) => error(400, `failed to parse policy: ${text}`);
    expect(await write("")).toEqual(error(400, "'policy' parameter not supplied or empty"));
    expect(await write('path "a" { capabilities = ["fly"] }')).toEqual(
      fault('path "a": invalid capability "fly"'),
    );
    expect(await write('path "a" { capabilites = ["read"] }')).toEqual(
      fault('1 error occurred:\n\t* path "a": invalid key "capabilites" on line 1\n\n'),
    );
    expect(await write("\nfoo = 1")).toEqual(fault('1 error occurred:\n\t* invalid key "foo" on line 2\n\n'));
    expect(await write('path "a/+*" {}')).toEqual(
      fault(`path "a/+*": invalid use of wildcards ('+*' is forbidden)`),
    );
    expect(await write('path "a" {')).toEqual(fault("At 1:12: object expected closing RBRACE got: EOF"));
    expect(await write('path "a" = {}')).toEqual(
      fault("At 1:10: nested object expected: LBRACE got: ASSIGN"),
    );
    expect(await write('path "a" { capabilities = ["read" "list"] }')).toEqual(
      fault("At 1:35: error parsing list, expected comma or list end, got: STRING"),
    );
    for (const kept of ["root", "default"])
      expect((await bao.call("DELETE", `sys/policies/acl/${kept}`)).status).toBe(400);
    expect(shape(await bao.call("GET", `sys/policies/acl/${name}`))).toEqual(error(404));
  });

  it("may be HCL or JSON, plain or in base64, with comments", async () => {
    const bao = await openBao();
    const json = '{"path":{"secret/a":{"capabilities":["read"]},"secret/b":{"policy":"write"}}}';
    const all = "create delete list read update";
    const text = '# one\npath "/secret/b" { // two\n  policy = "write" /* three */\n}';
    expect(await capabilities(bao, text, "secret/b", "secret/c")).toEqual([all, "deny"]);
    const token = (await ownToken(bao, { policies: [await ownPolicy(bao, json)] })).client_token;
    const answer = await bao.call(
      "POST",
      "sys/capabilities-self",
      { paths: ["secret/a", "secret/b"] },
      { token },
    );
    expect(shape(answer)).toEqual([
      200,
      expect.objectContaining({
        "secret/a": ["read"],
        data: { "secret/a": ["read"], "secret/b": all.split(" ") },
      }),
    ]);
    const encoded = await ownPolicy(bao, Buffer.from('path "x" {}\n').toString("base64"));
    expect((await bao.call("GET", `sys/policies/acl/${encoded}`)).body.data.policy).toBe('path "x" {}\n');
  });
});

describe("the permissions of a token", () => {
  it("follow the most specific rule", async () => {
    const bao = await openBao();
    const policy = `
      path "s/*" { capabilities = ["read"] }
      path "s/a/*" { capabilities = ["update"] }
      path "s/a/b" { capabilities = ["delete"] }
      path "s/+/c" { capabilities = ["list"] }
      path "s/+/+/d" { capabilities = ["patch"] }
      path "s/ab*" { capabilities = ["create"] }`;
    expect(
      await capabilities(
        bao,
        policy,
        "s/x",
        "s/a/x",
        "s/a/b",
        "s/x/c",
        "s/a/c",
        "s/x/y/d",
        "s/abc",
        "s",
        "t",
      ),
    ).toEqual(["read", "update", "delete", "list", "update", "patch", "create", "deny", "deny"]);
  });

  it("are those of all its policies, unless one denies them", async () => {
    const bao = await openBao();
    const policies = await Promise.all([
      ownPolicy(bao, 'path "s/a" { capabilities = ["read"] }\npath "s/b" { capabilities = ["read"] }'),
      ownPolicy(bao, 'path "s/a" { capabilities = ["list"] }\npath "s/b" { capabilities = ["deny"] }'),
    ]);
    const { client_token: token } = await ownToken(bao, { policies });
    const { body } = await bao.call("POST", "sys/capabilities-self", { paths: ["s/a", "s/b"] }, { token });
    expect(body.data).toEqual({ "s/a": ["list", "read"], "s/b": ["deny"] });
  });

  it("distinguish the first version of a key from the next, and reading from listing", async () => {
    const bao = await openBao();
    const root = bao.mount;
    const token = await tokenMay(
      bao,
      `path "${root}/data/new/*" { capabilities = ["create"] }
       path "${root}/data/old/*" { capabilities = ["update"] }
       path "${root}/metadata/new/*" { capabilities = ["read"] }
       path "${root}/metadata/old/*" { capabilities = ["list"] }`,
    );
    const call = async (method: string, path: string, body?: unknown) =>
      shape(await bao.call(method, `${root}/${path}`, body, { token }));
    await bao.call("POST", `${root}/data/old/x`, { data: {} });
    expect((await call("POST", "data/new/x", { data: {} }))[0]).toBe(200);
    expect(await call("POST", "data/new/x", { data: {} })).toEqual(denied);
    expect((await call("POST", "data/old/x", { data: {} }))[0]).toBe(200);
    expect(await call("POST", "data/old/y", { data: {} })).toEqual(denied);
    expect(await call("PATCH", "data/old/x", { data: {} })).toEqual(denied);
    expect(await call("GET", "data/old/x")).toEqual(denied);
    expect(await call("DELETE", "data/old/x")).toEqual(denied);
    expect((await call("GET", "metadata/new/x"))[0]).toBe(200);
    expect(await call("GET", "metadata/new/?list=true")).toEqual(denied);
    expect(await call("GET", "metadata/old/?list=true")).toEqual(success({ keys: ["x"] }));
    expect(await call("GET", "metadata/old/x")).toEqual(denied);
  });

  it("are checked before the existence of a path", async () => {
    const bao = await openBao();
    const token = await tokenMay(bao, 'path "a" { capabilities = ["read"] }');
    expect(shape(await bao.call("GET", "nowhere/x", undefined, { token }))).toEqual(denied);
    expect(shape(await bao.call("GET", "nowhere/x", undefined, { token: "" }))).toEqual(unknownToken);
    expect(shape(await bao.call("GET", "nowhere/x"))).toEqual(
      error(404, 'no handler for route "nowhere/x". route entry not found.'),
    );
    expect(shape(await bao.call("GET", "sys/nowhere"))).toEqual(
      error(404, "1 error occurred:\n\t* unsupported path\n\n"),
    );
    expect(shape(await bao.call("DELETE", `${bao.mount}/config`))).toEqual(
      error(405, "1 error occurred:\n\t* unsupported operation\n\n"),
    );
    expect(shape(await bao.call("POST", `${bao.mount}/data/x/`, { data: {} }))).toEqual(
      error(400, "cannot write to a path ending in '/'"),
    );
  });

  it("must include sudo for dangerous paths", async () => {
    const bao = await openBao();
    const weak = await tokenMay(bao, 'path "sys/auth/*" { capabilities = ["read"] }');
    const strong = await tokenMay(bao, 'path "sys/auth/*" { capabilities = ["read", "sudo"] }');
    expect(shape(await bao.call("GET", "sys/auth/nowhere", undefined, { token: weak }))).toEqual(denied);
    expect(shape(await bao.call("GET", "sys/auth/nowhere", undefined, { token: strong }))).toEqual(
      error(400, "No auth engine at nowhere/"),
    );
  });
});
