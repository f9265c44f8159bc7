import { describe, expect, it } from "vitest";
import type { Kind } from "../../../../src/kinds/define.ts";
import { kindOf, kinds } from "../../../../src/kinds/index.ts";
import { copiedServer } from "../../../support/copied-server.ts";
import { type Answer, must, type TestServer, testServer } from "../../../support/server.ts";

/** The kinds of which users create objects. */
const created = kinds.filter(({ writes }) => writes.includes("create"));

/** Creates the example of a kind under another name. */
async function createNamed(call: TestServer["admin"], kind: Kind, name: string): Promise<void> {
  // An attachment has the name of its server.
  if (kind.kind === "serverattachment") await createNamed(call, kindOf("server"), name);
  await must(call("POST", `${listOf(kind)}?probe=false`, { ...kind.example, name }));
}

/** Starts a server that has every kind's example, made in the order that `apply` uses. */
const startWithExamples = copiedServer(async ({ admin }) => {
  for (const kind of created) await must(admin("POST", `${listOf(kind)}?probe=false`, kind.example));
});

/** A server with every kind's example in it, and a caller who notes all answers. */
async function withExamples() {
  const { server } = await startWithExamples();
  const answers: Answer[] = [];
  const call: TestServer["admin"] = async (...args) => {
    const answer = await server.admin(...args);
    answers.push(answer);
    return answer;
  };
  // At its start the server looks for the OpenBao of the example, which is not there.
  const logged = () => server.logged.filter((line) => !line.startsWith('secret backend "bao": '));
  return { server, call, answers, logged };
}

function listOf(kind: Kind): string {
  return `/api/v1/${kind.plural}`;
}

function oneOf(kind: Kind): string {
  return `${listOf(kind)}/${kind.example.name}`;
}

/** A change to the example that leaves it valid; undefined for a kind of which nothing shown can be changed. */
function change(kind: Kind): Record<string, unknown> | undefined {
  const fixed = [...kind.immutable, ...kind.writeOnly];
  // The name of another row cannot be any text.
  const { name: _, ...fields } = kind.example;
  fixed.push(...kind.references(fields).map(({ path }) => path.split("/")[1]!));
  for (const [field, schema] of Object.entries(kind.fields.properties)) {
    if (fixed.includes(field)) continue;
    if (schema["type"] === "string" && !schema["pattern"]) return { [field]: "changed" };
    if (schema["type"] === "array") return { [field]: [] };
  }
  return undefined;
}

/** Something of the same type that is not the value. */
function other(value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  return Array.isArray(value) ? [...value, "x"] : `${value}x`;
}

describe.each(created.map((kind) => [kind.plural, kind] as const))("%s", (_, kind) => {
  it("are created once, and read by name and by id alike", async () => {
    const { call, answers, logged } = await withExamples();
    const { body: shown } = await must(call("GET", oneOf(kind)));
    expect(shown).toMatchObject({
      name: kind.example.name,
      // Attaching a server to the project has changed it.
      version: kind.kind === "project" ? 2 : 1,
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(shown.id).toMatch(new RegExp(`^${kind.idPrefix}_[0-9a-hjkmnp-tv-z]{26}$`));
    expect((await call("GET", `${listOf(kind)}/${shown.id}`)).body).toEqual(shown);
    const fields = [...Object.keys(kind.fields.properties), ...Object.keys(kind.readOnly.properties)];
    for (const field of Object.keys(shown))
      expect(["id", "name", "version", "createdAt", "updatedAt", ...fields]).toContain(field);
    for (const field of Object.keys(kind.readOnly.properties)) expect(shown).toHaveProperty(field);

    const again = await call("POST", listOf(kind), kind.example);
    expect([again.status, again.body.code]).toEqual([409, "name_taken"]);
    const head = await call("HEAD", oneOf(kind));
    expect([head.status, head.text]).toEqual([200, ""]);
    for (const missing of [
      "missing",
      `${kind.idPrefix}_00000000000000000000000000`,
      kinds.find((one) => one !== kind)!.example.name,
    ]) {
      if (missing === kind.example.name) continue;
      expect((await call("GET", `${listOf(kind)}/${missing}`)).body).toMatchObject({
        error: `${kind.kind} "${missing}" not found`,
        code: "not_found",
      });
    }
    const elsewhere = kinds.find((one) => one !== kind)!;
    expect((await call("GET", `${listOf(elsewhere)}/${shown.id}`)).status).toBe(404);
    for (const { headers } of answers) expect(headers.get("x-request-id")).toMatch(/^req_/);
    expect(new Set(answers.map(({ headers }) => headers.get("x-request-id"))).size).toBe(answers.length);
    expect(logged()).toEqual([]);
  });

  it("are listed sorted by name, filtered by name, and in pages without gaps", async () => {
    const { call } = await withExamples();
    for (const name of ["b", "a-b", "a", "a0"]) {
      await createNamed(call, kind, name);
    }
    const { body: all, headers } = await must(call("GET", listOf(kind)));
    const names = all.map(({ name }: { name: string }) => name);
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining(["a", "a-b", "a0", "b", kind.example.name]));
    expect(headers.get("x-mcpctl-revision")).toMatch(/^\d+$/);
    expect(headers.get("x-mcpctl-cursor")).toBeNull();

    for (const limit of [1, 2, all.length, 100]) {
      const paged: unknown[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const from: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
        const page: Answer = await must(call("GET", `${listOf(kind)}?limit=${limit}${from}`));
        expect(page.body.length).toBeLessThanOrEqual(limit);
        paged.push(...page.body);
        cursor = page.headers.get("x-mcpctl-cursor");
      }
      expect(paged).toEqual(all);
    }
    expect((await call("GET", `${listOf(kind)}?name=a-b`)).body).toEqual([all[names.indexOf("a-b")]]);
    expect((await call("GET", `${listOf(kind)}?name=missing`)).body).toEqual([]);
    expect((await call("GET", `${listOf(kind)}?cursor=zzz/`)).body).toEqual([]);
    expect((await call("GET", `${listOf(kind)}?limit=-1`)).status).toBe(400);
  });

  it("are changed in the given fields and no others, and count their version up", async () => {
    const { call } = await withExamples();
    const { body: before } = await must(call("GET", oneOf(kind)));
    for (const body of [{}, before, { ...before, version: undefined }, { name: before.name }]) {
      const { status, body: same } = await call("PUT", oneOf(kind), body);
      expect([status, same]).toEqual([200, before]);
    }
    const changed = change(kind);
    if (!changed) return;
    const [first, second] = [before.version, before.version + 1];
    const { body: after } = await must(call("PUT", oneOf(kind), { ...changed, version: first }));
    // The summary of a prompt is made from its content.
    const made = kind.kind === "prompt" ? { summary: changed.content } : {};
    const updated = { version: second, updatedAt: expect.any(String) };
    expect(after).toEqual({ ...before, ...changed, ...made, ...updated });
    expect((await call("GET", oneOf(kind))).body).toEqual(after);

    for (const version of [first, second + 1, 0]) {
      const stale = await call("PUT", oneOf(kind), { ...changed, version });
      expect([stale.status, stale.body.code]).toEqual([409, "stale_version"]);
    }
    for (const version of ["2", null, 2.5]) {
      const odd = await call("PUT", oneOf(kind), { version });
      expect([odd.status, odd.body.details]).toEqual([
        400,
        [{ path: "/version", message: "must be an integer" }],
      ]);
    }
    expect((await call("PUT", oneOf(kind), { ...changed, version: second })).body).toEqual(after);
    expect((await call("PUT", `${listOf(kind)}/missing`, changed)).status).toBe(404);
  });

  it("get the default of a field that is set to null", async () => {
    const { call } = await withExamples();
    const { body: before } = await must(call("GET", oneOf(kind)));
    for (const [field, schema] of Object.entries(kind.fields.properties)) {
      if (kind.immutable.includes(field) || kind.writeOnly.includes(field)) continue;
      const { status, body } = await call("PUT", oneOf(kind), { [field]: null });
      // A backend in OpenBao is nothing without its url.
      if (kind.kind === "secretbackend" && field === "config") {
        expect([status, body.details?.[0].path]).toEqual([400, "/config/url"]);
        continue;
      }
      // A server is nothing without its source, from which its transport follows.
      if (kind.kind === "server" && field === "package") {
        expect([status, body.details?.[0].path]).toEqual([400, "/command"]);
        continue;
      }
      if (kind.kind === "server" && field === "transport") {
        expect([status, body.transport]).toEqual([200, "stdio"]);
        continue;
      }
      // A prompt without a link is nothing without its content.
      if (kind.kind === "prompt" && field === "content") {
        expect([status, body.details?.[0].path]).toEqual([400, "/content"]);
        continue;
      }
      if (kind.kind === "template" && field === "parameters") {
        expect([status, body.details?.[0].message]).toEqual([400, 'there is no parameter "FOLDER"']);
        continue;
      }
      const optional = "default" in schema || !kind.fields.required?.includes(field);
      if (!optional)
        expect([status, body.details]).toEqual([400, [{ path: `/${field}`, message: "is required" }]]);
      else expect([status, body[field]], field).toEqual([200, schema["default"]]);
    }
    expect((await call("GET", oneOf(kind))).body.name).toBe(before.name);
  });

  it("keep immutable fields and fields that only the server sets", async () => {
    const { call } = await withExamples();
    const { body: before } = await must(call("GET", oneOf(kind)));
    const readOnly = ["id", "createdAt", "updatedAt", ...Object.keys(kind.readOnly.properties)];
    for (const field of [...readOnly, ...kind.immutable, "name"]) {
      const message = readOnly.includes(field) ? "is set by the server" : "cannot be changed";
      const { status, body } = await call("PUT", oneOf(kind), { [field]: other(before[field]) });
      // Volatile fields may come back from an earlier read: they change nothing.
      if (kind.volatile.includes(field)) expect([status, body], field).toEqual([200, before]);
      else expect([status, body.details?.[0]], field).toEqual([400, { path: `/${field}`, message }]);
    }
    const unknown = await call("PUT", oneOf(kind), { nmae: "x" });
    expect([unknown.status, unknown.body.details[0].path]).toEqual([400, "/nmae"]);
    expect((await call("GET", oneOf(kind))).body).toEqual(before);
  });

  it("are deleted", async () => {
    const { call } = await withExamples();
    // Objects that refer to it are deleted first, as `delete -f` does it.
    const later = created.filter(({ order }) => order > kind.order).toReversed();
    for (const one of later) await must(call("DELETE", oneOf(one)));
    const { body } = await must(call("GET", oneOf(kind)));
    const gone = await call("DELETE", `${listOf(kind)}/${body.id}`);
    expect([gone.status, gone.text]).toEqual([204, ""]);
    for (const method of ["GET", "HEAD", "DELETE"])
      expect((await call(method, oneOf(kind))).status).toBe(404);
    expect((await call("GET", `${listOf(kind)}?name=${kind.example.name}`)).body).toEqual([]);
    const { body: again } = await must(call("POST", `${listOf(kind)}?probe=false`, kind.example));
    expect(again.id).not.toBe(body.id);
  });

  it("never show write-only fields", async () => {
    const { call, answers, logged } = await withExamples();
    const marked = Object.fromEntries(
      kind.writeOnly.map((field) => [field, field === "data" ? { k: "canary-value" } : "canary-value"]),
    );
    if (kind.writeOnly.length === 0) return;
    await must(call("PUT", oneOf(kind), marked));
    await must(call("POST", listOf(kind), { ...kind.example, ...marked, name: "another" }));
    await must(call("GET", listOf(kind)));
    await must(call("GET", oneOf(kind)));
    for (const { body, text } of answers) {
      expect(text).not.toContain("canary-value");
      for (const object of Array.isArray(body) ? body : [body ?? {}])
        if (object.id?.startsWith(kind.idPrefix))
          expect(Object.keys(object)).not.toEqual(expect.arrayContaining([...kind.writeOnly]));
    }
    expect(logged()).toEqual([]);
  });
});

it("one of many writers of one version succeeds, and the others get 409", async () => {
  const { call } = await withExamples();
  const puts = Array.from({ length: 20 }, (_, i) =>
    call("PUT", "/api/v1/llms/claude", { description: `by ${i}`, version: 1 }),
  );
  const answers = await Promise.all(puts);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  for (const { status, body } of answers)
    if (status !== 200) expect([status, body.code]).toEqual([409, "stale_version"]);
});

it("all of many writes without a version succeed", async () => {
  const { call } = await withExamples();
  const fields = ["description", "model", "url", "poolName", "tier"];
  const values = ["d", "m", "https://x.example", "p", "fast"];
  const answers = await Promise.all(
    fields.map((field, i) => call("PUT", "/api/v1/llms/claude", { [field]: values[i] })),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  const { body } = await call("GET", "/api/v1/llms/claude");
  expect(fields.map((field) => body[field])).toEqual(values);
  expect(body.version).toBe(6);
});

it("one of many creates of one name succeeds", async () => {
  const server = await testServer();
  const posts = Array.from({ length: 20 }, () => server.admin("POST", "/api/v1/projects", { name: "p" }));
  const statuses = (await Promise.all(posts)).map(({ status }) => status).sort();
  expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
});

describe("names in a scope", () => {
  it("are distinguished by it, and refused as ambiguous without it", async () => {
    const { server } = await withExamples();
    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    const { body } = await must(server.admin("POST", "/api/v1/tokens", { name: "laptop", project: "p" }));
    const both = await server.admin("GET", "/api/v1/tokens/laptop");
    expect([both.status, both.body]).toMatchObject([
      409,
      { error: 'there are several tokens "laptop"', hint: "say which with ?project=" },
    ]);
    expect((await server.admin("GET", "/api/v1/tokens/laptop?project=p")).body.id).toBe(body.id);
    expect((await server.admin("GET", "/api/v1/tokens/laptop?project=")).body.project).toBeUndefined();
    expect((await server.admin("GET", `/api/v1/tokens/${body.id}`)).status).toBe(200);
    // A caller who may not view them does not learn their number.
    await must(server.admin("POST", "/api/v1/tokens", { name: "mine" }));
    const { call } = await server.token("other", [{ role: "view", resource: "tokens", name: "mine" }]);
    expect((await call("GET", "/api/v1/tokens/mine")).status).toBe(200);
    expect((await call("GET", "/api/v1/tokens/laptop")).status).toBe(403);
    expect((await server.admin("DELETE", "/api/v1/tokens/laptop")).status).toBe(409);
    expect((await server.admin("DELETE", "/api/v1/tokens/laptop?project=p")).status).toBe(204);
    expect((await server.admin("GET", "/api/v1/tokens/laptop")).status).toBe(200);
  });

  it("keep their project from being deleted", async () => {
    const { server } = await withExamples();
    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    await must(server.admin("POST", "/api/v1/tokens", { name: "t", project: "p" }));
    const { status, body } = await server.admin("DELETE", "/api/v1/projects/p");
    expect([status, body.code, body.error]).toEqual([
      409,
      "still_referenced",
      'project "p" is still used by token "t"',
    ]);
  });
});
