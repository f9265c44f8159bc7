import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { movedSettings } from "../../../../src/kinds/llm-settings.ts";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { row } from "../../../support/row.ts";
import { must, testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { goodProvider, upstream } from "../../../support/upstream.ts";

const settings = {
  timeouts: { connect: 1, firstByte: 60.5, silence: 30 },
  limits: { maxConcurrent: 4, queueSeconds: 0 },
  price: { input: 1.25, output: 10, cachedInput: 0 },
  responses: "native",
  allowModelOverride: true,
  quirks: { laterSystem: true, without: ["user"] },
};
const own = { note: "mine", nested: { timeouts: 5 } };
const path = "/api/v1/llms/gpt";

/** A server with an llm `gpt` that was created with the given fields. */
async function withLlm(fields: object) {
  const server = await testServer();
  const llm = { name: "gpt", type: "openai", model: "up", ...fields };
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
  const put = (changes: object) => server.admin("PUT", path, changes);
  const get = async () => (await must(server.admin("GET", path))).body;
  return { server, put, get };
}

describe("the settings of an llm", () => {
  it.each(Object.entries(settings))(
    "%s: is a field that is set, changed and cleared",
    async (field, value) => {
      const { put, get } = await withLlm({ [field]: value });
      expect((await get())[field]).toEqual(value);
      await must(put({ [field]: null }));
      expect(await get()).not.toHaveProperty(field);
      await must(put({ [field]: value }));
      expect(await get()).toMatchObject({ [field]: value, extraConfig: {} });
    },
  );

  it.each([
    [{ timeouts: { conect: 1 } }, "/timeouts/conect", 'unknown field; did you mean "connect"?'],
    [{ timeouts: { connect: 0 } }, "/timeouts/connect", "must be a number above 0 and at most 86400"],
    [{ limits: { maxConcurrent: 0 } }, "/limits/maxConcurrent", "must be an integer from 1 to 10000"],
    [{ limits: { queueSeconds: 5 } }, "/limits/maxConcurrent", "is required with queueSeconds"],
    [{ price: { input: 1 } }, "/price/output", "is required"],
    [{ price: { input: -1, output: 1 } }, "/price/input", "must be a number from 0 to 1000000"],
    [{ responses: "maybe" }, "/responses", 'must be "native" or "translated" or "stateful"'],
    [{ allowModelOverride: "yes" }, "/allowModelOverride", "must be a boolean"],
  ])("%j is refused", async (fields, at, message) => {
    const { put } = await withLlm({});
    const { status, body } = await put(fields);
    expect([status, body.details]).toEqual([400, [{ path: at, message }]]);
  });
});

describe("the same settings as keys of extraConfig, as earlier versions had them", () => {
  it("are moved to the fields by POST and by PUT, and everything else stays in extraConfig", async () => {
    const { put, get } = await withLlm({ extraConfig: { ...settings, ...own } });
    expect(await get()).toMatchObject({ ...settings, extraConfig: own });
    const changed = { limits: { maxConcurrent: 9 } };
    await must(put({ extraConfig: { ...changed, ...own } }));
    expect(await get()).toMatchObject({ ...settings, ...changed, extraConfig: own });
  });

  it("change nothing when they are put again", async () => {
    const { put, get } = await withLlm({ extraConfig: { ...settings, ...own } });
    await must(put({ extraConfig: { ...settings, ...own } }));
    expect((await get()).version).toBe(1);
  });

  it("may stand beside the field with the same value, and are refused with another value", async () => {
    const { put, get } = await withLlm(settings);
    for (const key of movedSettings) {
      await must(put({ [key]: settings[key], extraConfig: { [key]: settings[key] } }));
      for (const field of [settings[key], null]) {
        const other = key === "allowModelOverride" ? false : key === "responses" ? "translated" : undefined;
        const value = other ?? { ...(key === "price" && { input: 9, output: 9 }) };
        const { status, body } = await put({ [key]: field, extraConfig: { [key]: value } });
        expect([status, body.details]).toEqual([
          400,
          [{ path: `/extraConfig/${key}`, message: `differs from the field ${key}: give only ${key}` }],
        ]);
        expect(body.error).toContain(`extraConfig.${key}: differs from the field ${key}`);
      }
    }
    expect(await get()).toMatchObject({ ...settings, version: 1 });
  });

  it("are checked under the name they were sent by", async () => {
    const { put } = await withLlm({});
    const { status, body } = await put({ extraConfig: { timeouts: 5, price: { input: 1 } } });
    expect([status, body.details]).toEqual([
      400,
      [
        { path: "/extraConfig/timeouts", message: "must be an object" },
        { path: "/extraConfig/price/output", message: "is required" },
      ],
    ]);
  });

  it("are moved for an llm that a workstation agent publishes too, and stay when it registers again", async () => {
    const server = await testServer();
    // Agents have no settings to publish: the server does not read what they send here.
    const providers = [{ name: "gpt", type: "vllm", model: "m", extraConfig: { limits: 5 } }];
    const register = (providerSessionId?: string) =>
      must(server.admin("POST", "/api/v1/llms/_provider-register", { providers, providerSessionId }));
    const { providerSessionId } = (await register()).body;
    await must(server.admin("PUT", path, { extraConfig: { ...settings, ...own } }));
    await register(providerSessionId);
    expect((await server.admin("GET", path)).body).toMatchObject({ ...settings, extraConfig: own });
  });
});

describe("a row that an earlier version stored", () => {
  it("has its settings in the fields and keeps its version, and the next write stores it so", async () => {
    const provider = upstream(goodProvider);
    const file = join(temporaryFolder(), "mcpctl.db");
    const store = await openStore({ path: file, now: Date.now });
    const base = { type: "openai", model: "up", url: provider.url, tier: "fast", description: "" };
    const wrong = { price: { input: "free" } };
    const spec = { ...base, apiKeyRef: null, visibility: "public" };
    const status = { origin: "static", status: "active", lastSeenAt: null };
    const old = { visibility: "public", status } as const;
    await store.commit([
      {
        op: "insert",
        row: row("llm_1", "llm", "gpt", { ...old, spec: { ...spec, extraConfig: { ...settings, ...own } } }),
        refs: [],
      },
      {
        op: "insert",
        row: row("llm_2", "llm", "odd", { ...old, spec: { ...spec, extraConfig: { ...wrong, ...own } } }),
        refs: [],
      },
    ]);
    const server = await testServer({ store });
    expect((await server.admin("GET", path)).body).toMatchObject({
      ...settings,
      extraConfig: own,
      version: 1,
    });
    expect((await server.admin("GET", "/api/v1/llms/odd")).body.extraConfig).toEqual({ ...wrong, ...own });

    const question = { model: "another", messages: [{ role: "user", content: "Hi" }] };
    await must(server.admin("POST", `${path}/infer`, question));
    expect(provider.seen[0]!.body.model).toBe("another");
    const [event] = (await server.admin("GET", "/api/v1/audit?action=llm_inference_call")).body;
    expect(event.costMicros).toBeGreaterThan(0);

    await must(server.admin("PUT", path, { tier: "heavy" }));
    const stored = (await store.load()).rows.find(({ name }) => name === "gpt");
    expect(stored).toMatchObject({ spec: { ...settings, extraConfig: own, tier: "heavy" }, version: 2 });
    const { detail } = (await server.admin("GET", "/api/v1/audit?action=update")).body[0];
    expect(detail.fields).toEqual(["tier"]);
  });
});
