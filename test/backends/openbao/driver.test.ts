import { describe, expect, it } from "vitest";
import { fakeBao } from "../../support/openbao/fake.ts";
import { openBao } from "../../support/openbao/open.ts";
import { errorOf, fullPolicy, selfPolicy, tokenWith, watch } from "./test-openbao.ts";

const ref = "sec_1/ver_1";

describe("a write", () => {
  it("stores one version below the prefix at its ref, with the mark", async () => {
    const bao = await openBao();
    await watch(bao).driver.write(ref, { k: "v" });
    const { body } = await bao.call("GET", `${bao.mount}/metadata/mcpctl/${ref}`);
    expect(body.data).toMatchObject({ current_version: 1, custom_metadata: { "managed-by": "mcpctl" } });
    const read = await bao.call("GET", `${bao.mount}/data/mcpctl/${ref}`);
    expect(read.body.data.data).toEqual({ k: "v" });
  });

  it("writes the mark before the values, and checks the engine once", async () => {
    const bao = await fakeBao();
    const { driver } = watch(bao);
    await driver.write(ref, { k: "v" });
    await driver.write("sec_1/ver_2", { k: "v" });
    const at = (kind: string, write: string) => `/v1/${bao.mount}/${kind}/mcpctl/sec_1/${write}`;
    const asked = bao.requests.filter(({ path }) => path.includes(bao.mount));
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET /v1/sys/internal/ui/mounts/${bao.mount}`,
      `GET ${at("metadata", "ver_1")}`,
      `POST ${at("metadata", "ver_1")}`,
      `POST ${at("data", "ver_1")}`,
      `GET ${at("metadata", "ver_2")}`,
      `POST ${at("metadata", "ver_2")}`,
      `POST ${at("data", "ver_2")}`,
    ]);
    expect(asked[3]!.body).toEqual({ data: { k: "v" }, options: { cas: 0 } });
    for (const { headers } of asked)
      expect(headers).toMatchObject({ "x-vault-token": bao.token, "x-vault-request": "true" });
  });

  it("is refused for a ref that has values already", async () => {
    const bao = await openBao();
    const { driver } = watch(bao);
    await driver.write(ref, { k: "first" });
    const error = await errorOf(driver.write(ref, { k: "second" }));
    expect(error).toMatchObject({ code: "secret_unavailable" });
    expect(error.message).toBe('secret backend "bao": something is stored under a new ref already');
    expect(await driver.read(ref)).toEqual({ k: "first" });
  });

  it("succeeds for a ref that an interrupted write has only marked", async () => {
    const bao = await openBao();
    const { driver } = watch(bao);
    const marked = { custom_metadata: { "managed-by": "mcpctl" } };
    await bao.call("POST", `${bao.mount}/metadata/mcpctl/${ref}`, marked);
    expect(await driver.read(ref)).toBeNull();
    expect(await driver.list()).toEqual([ref]);
    await driver.write(ref, { k: "v" });
    expect(await driver.read(ref)).toEqual({ k: "v" });
  });

  it("is refused by an engine that deletes values by itself", async () => {
    const bao = await openBao();
    await bao.call("POST", `${bao.mount}/config`, { delete_version_after: "1h" });
    const error = await errorOf(watch(bao).driver.write(ref, { k: "v" }));
    expect(error.message).toBe(`secret backend "bao": the engine at "${bao.mount}" deletes values by itself`);
    expect(error.hint).toBe(`bao write ${bao.mount}/config delete_version_after=0s`);
  });

  it("is refused by an engine that requires metadata check-and-set", async () => {
    const bao = await openBao();
    await bao.call("POST", `${bao.mount}/config`, { metadata_cas_required: true });
    const error = await errorOf(watch(bao).driver.write(ref, { k: "v" }));
    expect(error.message).toBe(`secret backend "bao": the engine at "${bao.mount}" demands metadata_cas`);
  });

  it("is refused if it has more values or bytes than the server accepts", async () => {
    const { driver } = watch(await openBao());
    const many = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`key-${i}`, "v"]));
    const tooMany = await errorOf(driver.write(ref, many));
    expect(tooMany.message).toBe(
      'secret backend "bao": the values are larger than it accepts in one request',
    );
    expect(tooMany.hint).toContain("1,000 JSON strings");
    const tooLarge = await errorOf(driver.write("sec_1/ver_2", { k: "x".repeat(33 * 1024 * 1024) }));
    expect(tooLarge.message).toBe(tooMany.message);
    expect(tooLarge.hint).toContain("32 MiB");
    expect(await driver.read(ref)).toBeNull();
  });

  it("is refused before anything is sent if the server would change it, or if it is too large", async () => {
    const bao = await fakeBao();
    const { driver } = watch(bao);
    const error = await errorOf(driver.write(ref, { good: "v", bad: "canary\ud800" }));
    expect(error.message).toContain('the value of "bad" has half a character (a lone surrogate)');
    expect(error.message).not.toContain("canary");
    await errorOf(driver.write(ref, { k: "x".repeat(33 * 1024 * 1024) }));
    expect(bao.requests.filter(({ method }) => method === "POST")).toEqual([]);
  });

  it("accepts every key that a secret may have", async () => {
    const { driver } = watch(await openBao());
    const data = JSON.parse('{"__proto__":"a","constructor":"b","data":"c","toString":"d"}');
    await driver.write(ref, data);
    expect(JSON.stringify(Object.entries((await driver.read(ref))!).sort())).toBe(
      JSON.stringify(Object.entries(data).sort()),
    );
  });
});

describe("an entry that mcpctl did not write", () => {
  it("is neither overwritten nor deleted, and only listed if it looks like a ref", async () => {
    const bao = await openBao();
    const { driver } = watch(bao);
    const theirs = { data: { k: "theirs" } };
    for (const path of [ref, "UPPER/x", "sec_2/sub/deeper", "top", "sec_3/Upper"])
      await bao.call("POST", `${bao.mount}/data/mcpctl/${path}`, theirs);
    for (const refused of [() => driver.write(ref, { k: "ours" }), () => driver.delete(ref)]) {
      const error = await errorOf(refused());
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toContain("does not carry custom_metadata managed-by=mcpctl");
    }
    expect((await bao.call("GET", `${bao.mount}/data/mcpctl/${ref}`)).body.data.data).toEqual(theirs.data);
    expect((await bao.call("GET", `${bao.mount}/metadata/mcpctl/${ref}`)).body.data.current_version).toBe(1);
    expect(await driver.list()).toEqual([ref]);
  });

  it("is not ours if its mark names another program", async () => {
    const bao = await openBao();
    const foreign = { custom_metadata: { "managed-by": "external-secrets" } };
    await bao.call("POST", `${bao.mount}/metadata/mcpctl/${ref}`, foreign);
    await errorOf(watch(bao).driver.write(ref, { k: "ours" }));
    expect((await bao.call("GET", `${bao.mount}/data/mcpctl/${ref}`)).status).toBe(404);
  });
});

describe("values that somebody changes by hand", () => {
  it("are read in their latest version; deleted or destroyed versions read as missing", async () => {
    const bao = await openBao();
    const { driver } = watch(bao);
    const at = (kind: string) => `${bao.mount}/${kind}/mcpctl/${ref}`;
    await driver.write(ref, { k: "first" });
    await bao.call("POST", at("data"), { data: { k: "second" } });
    expect(await driver.read(ref)).toEqual({ k: "second" });
    await bao.call("DELETE", at("data"));
    expect(await driver.read(ref)).toBeNull();
    await bao.call("POST", at("undelete"), { versions: [2] });
    expect(await driver.read(ref)).toEqual({ k: "second" });
    await bao.call("PUT", at("destroy"), { versions: [2] });
    expect(await driver.read(ref)).toBeNull();
    await driver.delete(ref);
    expect((await bao.call("GET", at("metadata"))).status).toBe(404);
  });

  it.each([42, true, null, ["canary"], { canary: 1 }])(
    "must be strings: for %j the error names the key, and never the value",
    async (value) => {
      const bao = await openBao();
      const { driver } = watch(bao);
      await driver.write(ref, { k: "v" });
      await bao.call("POST", `${bao.mount}/data/mcpctl/${ref}`, { data: { good: "v", odd: value } });
      const error = await errorOf(driver.read(ref));
      expect(error.message).toBe('secret backend "bao": the value of "odd" is not a string');
      expect(Bun.inspect(error)).not.toContain("canary");
    },
  );
});

describe("a text that is not a ref (T38)", () => {
  const refs = [
    ...["", ".", "..", "sec_1", "sec_1/", "/ver_1", "sec_1//ver_1", "sec_1/ver_1/x", "sec_1/..", "../ver_1"],
    ...["sec_1/%2e%2e", "sec_1/a#b", "sec_1/a?b", "sec_1/a\tb", "sec_1/a\nb", "sec_1/a.", "sec_1\\ver_1"],
    ...["SEC_1/ver_1", "sec_1/vér", "_sec/ver_1", "-sec/ver_1", `sec_1/${"x".repeat(64)}`, "sec_1/ver_1\n"],
  ];

  it("is refused before anything is sent", async () => {
    const bao = await fakeBao();
    const { driver } = watch(bao);
    await driver.write(ref, { k: "v" });
    const before = bao.requests.length;
    for (const odd of refs)
      for (const refused of [
        () => driver.read(odd),
        () => driver.write(odd, { k: "v" }),
        () => driver.delete(odd),
      ])
        expect(await errorOf(refused()), odd).toMatchObject({
          code: "secret_unavailable",
          message: 'secret backend "bao": the ref is not one of mcpctl',
        });
    expect(bao.requests.length).toBe(before);
  });

  it.each(["..", "a/../b", ".", "a/./b", "a#b", "a?b", "a\tb", "\\.."])(
    "is refused as a prefix or mount, too: %j",
    async (odd) => {
      const bao = await fakeBao();
      for (const config of [{ pathPrefix: odd }, { mount: odd }]) {
        const error = await errorOf(watch(bao, { config }).driver.read(ref));
        expect(error.message).toMatch(/^secret backend "bao": its mount, pathPrefix or auth would lead/);
      }
      expect(bao.requests.filter(({ path }) => !path.startsWith("/v1/auth/token/lookup-self"))).toEqual([]);
    },
  );
});

describe("an engine that cannot be used", () => {
  it("is missing", async () => {
    const bao = await openBao();
    for (const mount of [`${bao.mount}-not`, `${bao.mount}/deeper`]) {
      const { driver } = watch(bao, { config: { mount } });
      const message = `secret backend "bao": there is no engine at "${mount}"`;
      const error = await errorOf(driver.write(ref, { k: "v" }));
      expect(error).toMatchObject({ code: "secret_unavailable", message });
      expect(error.hint).toBe(`bao secrets enable -path=${mount} kv-v2`);
      expect(await driver.health()).toEqual({ status: "error", reason: message });
    }
    const { driver } = watch(bao, { config: { mount: `${bao.mount}-not` } });
    for (const refused of [() => driver.read(ref), () => driver.list(), () => driver.delete(ref)])
      expect((await errorOf(refused())).message).toContain("there is no engine");
  });

  it("is checked again until it exists", async () => {
    const bao = await openBao();
    const mount = `${bao.mount}-two`;
    const { driver } = watch(bao, { config: { mount } });
    await errorOf(driver.write(ref, { k: "v" }));
    await bao.call("POST", `sys/mounts/${mount}`, { type: "kv", options: { version: "2" } });
    await driver.write(ref, { k: "v" });
    expect(await driver.read(ref)).toEqual({ k: "v" });
    await bao.call("DELETE", `sys/mounts/${mount}`);
  });

  it("is of another type", async () => {
    const { driver } = watch(await openBao(), { config: { mount: "cubbyhole" } });
    expect((await errorOf(driver.write(ref, { k: "v" }))).message).toBe(
      'secret backend "bao": the engine at "cubbyhole" is not a KV one',
    );
  });

  it("is KV version 1, which would accept every write", async () => {
    const bao = await openBao();
    const mount = `${bao.mount}-one`;
    await bao.call("POST", `sys/mounts/${mount}`, { type: "kv", options: { version: "1" } });
    try {
      const { driver } = watch(bao, { config: { mount } });
      const error = await errorOf(driver.write(ref, { k: "v" }));
      expect(error.message).toBe(`secret backend "bao": the engine at "${mount}" is KV version 1`);
      expect(error.hint).toBe(`bao kv enable-versioning ${mount}`);
      expect((await bao.call("GET", `${mount}/data/mcpctl/sec_1/?list=true`)).status).toBe(404);
      await bao.call("POST", `${mount}/data/mcpctl/${ref}`, { data: { k: "v" } });
      expect((await errorOf(driver.read(ref))).message).toContain("is KV version 1");
    } finally {
      await bao.call("DELETE", `sys/mounts/${mount}`);
    }
  });
});

describe("a namespace", () => {
  it("is sent with every request", async () => {
    const bao = await openBao();
    const namespace = `ns-${bao.mount}`;
    await bao.call("POST", `sys/namespaces/${namespace}`);
    try {
      await bao.call("POST", "sys/mounts/kv", { type: "kv", options: { version: "2" } }, { namespace });
      const { driver } = watch(bao, { config: { namespace, mount: "kv" } });
      await driver.write(ref, { k: "v" });
      expect(await driver.read(ref)).toEqual({ k: "v" });
      expect(await driver.list()).toEqual([ref]);
      expect(await driver.health()).toEqual({ status: "healthy" });
      const there = await bao.call("GET", `kv/data/mcpctl/${ref}`, undefined, { namespace });
      expect(there.body.data.data).toEqual({ k: "v" });
      await driver.delete(ref);
      await bao.call("DELETE", "sys/mounts/kv", undefined, { namespace });
    } finally {
      await bao.call("DELETE", `sys/namespaces/${namespace}`);
    }
  });

  it("that does not exist is distinguished from a secret that does not exist", async () => {
    const { driver } = watch(await openBao(), { config: { namespace: "nowhere" } });
    expect((await errorOf(driver.read(ref))).message).toBe(
      'secret backend "bao": there is no namespace "nowhere"',
    );
  });
});

describe("a policy", () => {
  it("with the lines that mcpctl asks for is sufficient", async () => {
    const bao = await openBao();
    const token = await tokenWith(bao, fullPolicy(bao.mount));
    const { driver } = watch({ ...bao, token });
    await driver.write(ref, { k: "v" });
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(await driver.list()).toEqual([ref]);
    await driver.delete(ref);
    expect(await driver.list()).toEqual([]);
  });

  it("that is too narrow is reported with the missing line", async () => {
    const bao = await openBao();
    await watch(bao).driver.write(ref, { k: "v" });
    const data = `${bao.mount}/data/mcpctl/*`;
    const metadata = `${bao.mount}/metadata/mcpctl/*`;
    const token = await tokenWith(bao, `${selfPolicy} path "${data}" { capabilities = ["read"] }`);
    const { driver } = watch({ ...bao, token });
    expect(await driver.read(ref)).toEqual({ k: "v" });
    for (const [refused, lacks] of [
      [() => driver.delete(ref), `read on ${metadata}`],
      [() => driver.list(), `list on ${metadata}`],
      [() => driver.write("sec_1/ver_2", { k: "v" }), `read on ${metadata}`],
    ] as const) {
      const error = await errorOf(refused());
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toBe(`secret backend "bao": permission denied: its policy lacks ${lacks}`);
      expect(error.hint).toBe(
        `the policy needs: path "${metadata}" { capabilities = ["create", "update", "read", "list", "delete"] }`,
      );
      expect(Bun.inspect(error)).not.toContain(token);
    }
    const health = await driver.health();
    expect(health).toEqual({
      status: "error",
      reason: `secret backend "bao": permission denied: its policy lacks list on ${metadata}`,
    });
  });

  it("that covers nothing of a mount hides if the mount exists", async () => {
    const bao = await openBao();
    const token = await tokenWith(bao, selfPolicy);
    const error = await errorOf(watch({ ...bao, token }).driver.write(ref, { k: "v" }));
    expect(error.message).toContain("permission denied: its policy lacks list");
  });
});
