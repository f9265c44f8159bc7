import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Manifest } from "../../../src/cli/manifest/manifest.ts";
import { inOrder } from "../../../src/cli/manifest/order.ts";
import { parseManifests } from "../../../src/cli/manifest/read.ts";
import { kindOf } from "../../../src/kinds/index.ts";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";
import { cli } from "../../support/cli/run-cli.ts";

function order(text: string): string[] {
  return inOrder(parseManifests(text, "x")).map(({ kind, name }) => `${kind.kind}/${name}`);
}

const bao = (secret: string) =>
  `kind: secretbackend\nname: bao\ntype: openbao\nconfig: {url: "https://bao:8200", auth: {tokenSecretRef: {name: ${secret}, key: token}}}\n`;
const secret = (name: string, backend?: string) =>
  `kind: secret\nname: ${name}\ndata: {token: hunter2}\n${backend ? `backend: ${backend}\n` : ""}`;
const llm = (name: string, key: string) =>
  `kind: llm\nname: ${name}\ntype: openai\nmodel: m\napiKeyRef: {name: ${key}, key: token}\n`;
const documents = (...texts: string[]) => texts.join("---\n");

const house = documents(
  llm("gpt", "openai"),
  secret("openai", "bao"),
  secret("other"),
  bao("bao-token"),
  secret("bao-token"),
);

describe("the order of manifests", () => {
  it("is by kind, and within a kind as given", () => {
    expect(
      order(documents("kind: user\nname: b\n", llm("x", "elsewhere"), "kind: user\nname: a\n", secret("s"))),
    ).toEqual(["secret/s", "llm/x", "user/b", "user/a"]);
  });

  it("puts objects before those that refer to them, and moves nothing else", () => {
    expect(order(house)).toEqual([
      "secret/bao-token",
      "secretbackend/bao",
      "secret/openai",
      "secret/other",
      "llm/gpt",
    ]);
  });

  it("follows references through any number of steps", () => {
    const second = bao("deep").replace("name: bao\n", "name: second\n");
    const set = documents(second, secret("deep", "bao"), bao("bao-token"), secret("bao-token", "vault"));
    expect(order(`${set}---\nkind: secretbackend\nname: vault\ntype: plaintext\n`)).toEqual([
      "secretbackend/vault",
      "secret/bao-token",
      "secretbackend/bao",
      "secret/deep",
      "secretbackend/second",
    ]);
  });

  it("is by kind within a circle; objects that refer to the circle come after it", () => {
    const circle = documents(secret("bao-token", "bao"), bao("bao-token"));
    expect(order(circle)).toEqual(["secretbackend/bao", "secret/bao-token"]);
    const second = bao("on-bao").replace("name: bao\n", "name: a-second\n");
    expect(order(documents(second, secret("on-bao", "bao"), circle))).toEqual([
      "secretbackend/bao",
      "secret/on-bao",
      "secretbackend/a-second",
      "secret/bao-token",
    ]);
  });

  it("ignores references that are cleared or left out", () => {
    const nothing = "kind: llm\nname: x\ntype: openai\nmodel: m\napiKeyRef: null\n";
    const cleared = "kind: secretbackend\nname: bao\ntype: openbao\nconfig: null\n";
    const bare = "kind: rbac\nname: r\n---\nkind: group\nname: g\nmembers: null\n";
    expect(order(documents(bare, nothing, cleared, secret("s")))).toEqual([
      "secretbackend/bao",
      "secret/s",
      "llm/x",
      "group/g",
      "rbac/r",
    ]);
  });

  it("contains every object once, after all objects that it refers to and that do not refer back", () => {
    const names = ["a", "b", "c", "d"];
    const pointer = fc.option(fc.constantFrom(...names), { nil: undefined });
    const set = fc.record({
      backends: fc.array(pointer, { maxLength: 4 }),
      secrets: fc.array(pointer, { maxLength: 4 }),
    });
    fc.assert(
      fc.property(set, ({ backends, secrets }) => {
        const manifests: Manifest[] = [
          ...secrets.map((backend, i) => ({
            kind: kindOf("secret"),
            name: names[i]!,
            fields: { backend },
            source: "x",
          })),
          ...backends.map((ref, i) => ({
            kind: kindOf("secretbackend"),
            name: names[i]!,
            fields: {
              config: ref === undefined ? {} : { auth: { tokenSecretRef: { name: ref, key: "k" } } },
            },
            source: "x",
          })),
        ];
        const ordered = inOrder(manifests);
        expect(new Set(ordered)).toEqual(new Set(manifests));
        expect(ordered).toHaveLength(manifests.length);
        // Every object refers to one other at most, so walking the chain shows if it returns.
        const next = (one: Manifest) => {
          const [kind, name] =
            one.kind.kind === "secret"
              ? ["secretbackend", one.fields["backend"]]
              : [
                  "secret",
                  (one.fields["config"] as { auth?: { tokenSecretRef: { name: string } } }).auth
                    ?.tokenSecretRef.name,
                ];
          return manifests.find((other) => other.kind.kind === kind && other.name === name);
        };
        for (const one of manifests) {
          const target = next(one);
          if (!target) continue;
          const chain = new Set<Manifest>();
          for (let at: Manifest | undefined = target; at && !chain.has(at); at = next(at)) chain.add(at);
          if (!chain.has(one)) expect(ordered.indexOf(target)).toBeLessThan(ordered.indexOf(one));
        }
      }),
    );
  });
});

describe("apply and delete -f", () => {
  let server: FakeCatalogue;
  beforeEach(() => {
    server = new FakeCatalogue();
  });
  afterEach(() => server.stop());

  it("create a backend after the secret of its login", async () => {
    const { code, stdout } = await server.run(["apply", "-f", "-"], { stdin: house });
    expect(code).toBe(0);
    expect(stdout).toBe(
      "secret 'bao-token' created\nsecretbackend 'bao' created\nsecret 'openai' created\nsecret 'other' created\nllm 'gpt' created\n",
    );
    expect(server.writes.map(({ path }) => path).slice(0, 2)).toEqual([
      "/api/v1/secrets",
      "/api/v1/secretbackends",
    ]);
  });

  it("show differences in the same order", async () => {
    const { code, stdout } = await server.run(["diff", "-f", "-"], { stdin: house });
    expect(code).toBe(1);
    expect(stdout.match(/^--- \S+/gm)).toEqual([
      "--- secret/bao-token",
      "--- secretbackend/bao",
      "--- secret/openai",
      "--- secret/other",
      "--- llm/gpt",
    ]);
  });

  it("leave a circle to the server, which refuses it", async () => {
    const circle = documents(secret("bao-token", "bao"), bao("bao-token"));
    const { stdout } = await server.run(["apply", "-f", "-"], { stdin: circle });
    expect(stdout).toBe("secretbackend 'bao' created\nsecret 'bao-token' created\n");
  });

  it("delete a backend before the secret of its login", async () => {
    const gone = (path: string) => [`DELETE /api/v1/${path}`, undefined];
    const answers = Object.fromEntries(
      ["llms/gpt", "secrets/openai", "secrets/other", "secrets/bao-token", "secretbackends/bao"].map(gone),
    );
    const real = fakeApi(answers);
    const { code, stdout } = await cli(["delete", "-f", "-"], { server: real, stdin: house });
    expect(code).toBe(0);
    expect(stdout).toBe(
      "llm 'gpt' deleted\nsecret 'other' deleted\nsecret 'openai' deleted\nsecretbackend 'bao' deleted\nsecret 'bao-token' deleted\n",
    );
    expect(real.requests.filter((request) => request.startsWith("DELETE"))).toHaveLength(5);
  });
});
