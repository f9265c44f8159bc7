import { describe, expect, it } from "vitest";
import { type HeldStore, openHeldStore } from "../../../support/held-store.ts";
import { must } from "../../../support/server.ts";
import { withProvider } from "../setup.ts";
import { echo, line, sdkAt } from "./batch-setup.ts";

const run = [{ role: "run", resource: "llms" }];

async function withFiles() {
  const { server } = await withProvider(echo, {}, { tick: 50 });
  const { bearer, call } = await server.user("bob", run);
  const post = async (body: BodyInit, headers: Record<string, string> = {}, as = bearer) => {
    const response = await fetch(`${server.url}/v1/files`, {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${as}`, ...headers },
    });
    return { status: response.status, body: await response.json() };
  };
  const upload = (
    file: Uint8Array<ArrayBuffer> | string,
    fields: Record<string, string> = { purpose: "batch" },
    as = bearer,
  ) => {
    const form = new FormData();
    form.append("file", new Blob([file]), "größe.jsonl");
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    return post(form, {}, as);
  };
  const list = async (query = "") => (await call("GET", `/v1/files${query}`)).body;
  return { server, bearer, call, post, upload, list };
}

describe("POST /v1/files", () => {
  it("keeps every byte of a file of several parts, and its facts", async () => {
    const { call, upload, list } = await withFiles();
    const text = `${JSON.stringify({ text: "ü🦙".repeat(200_000) })}\n`;
    const { body } = await upload(text);
    expect(body).toMatchObject({
      object: "file",
      bytes: Buffer.byteLength(text),
      filename: "größe.jsonl",
      purpose: "batch",
      status: "processed",
    });
    expect(body.expires_at - body.created_at).toBe(30 * 24 * 3600);
    const read = await call("GET", `/v1/files/${body.id}/content`);
    expect(read.text === text).toBe(true);
    expect(read.headers.get("content-disposition")).toBe('attachment; filename="gr__e.jsonl"');
    const soon = await upload("{}", {
      purpose: "batch",
      "expires_after[anchor]": "created_at",
      "expires_after[seconds]": "3600",
    });
    expect(soon.body.expires_at - soon.body.created_at).toBe(3600);
    const first = await list("?limit=1");
    expect(first).toMatchObject({ object: "list", data: [{ id: soon.body.id }], has_more: true });
    expect(await list(`?limit=1&after=${first.last_id}`)).toMatchObject({
      data: [{ id: body.id }],
      has_more: false,
    });
    expect(await list("?order=asc")).toMatchObject({ first_id: body.id, last_id: soon.body.id });
    expect((await list("?purpose=batch_output")).data).toEqual([]);
  });

  it("refuses what cannot be the input of a batch, and nothing of it is left", async () => {
    const { upload, post, list, server, call } = await withFiles();
    const refusals = [
      [await upload("{}", { purpose: "fine-tune" }), 400, "purpose"],
      [await upload("{}", {}), 400, "purpose"],
      [await upload(""), 400, "empty"],
      [await upload(new Uint8Array([123, 255, 125])), 400, "UTF-8"],
      [await upload(new Uint8Array([123, 0xc3])), 400, "UTF-8"],
      [await upload("{}\0"), 400, "byte 0"],
      [await upload("\n".repeat(100_001)), 400, "lines"],
      [await upload("{}", { purpose: "x".repeat(300) }), 400, "too long"],
      [await upload("{}", { purpose: "batch", "expires_after[anchor]": "now" }), 400, "anchor"],
      [await post("{}", { "content-type": "application/json" }), 415, "form"],
      [await post("--x", { "content-type": "multipart/form-data; boundary=y" }), 400, "boundary"],
    ] as const;
    for (const [{ status, body }, expected, words] of refusals) {
      expect([status, body.error.message]).toEqual([expected, expect.stringContaining(words)]);
    }
    expect((await list()).data).toEqual([]);
    await must(server.admin("PUT", "/api/v1/users/bob", { quotas: { files: 1, batches: 0 } }));
    const { body } = await upload("{}");
    expect(await upload("{}")).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining("1 files") } },
    });
    const batch = { input_file_id: body.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    expect((await call("POST", "/v1/batches", batch)).status).toBe(429);
    for (const change of [
      { endpoint: "/v1/images/generations" },
      { completion_window: "1h" },
      { input_file_id: "file_x" },
      { more: 1 },
    ])
      expect((await call("POST", "/v1/batches", { ...batch, ...change })).status).toBeOneOf([400, 404]);
  });

  it("takes nothing in an impersonation (T229)", async () => {
    const { server, upload, list, bearer } = await withFiles();
    const { body } = await must(server.admin("POST", "/api/v1/auth/impersonate", { user: "bob" }));
    expect(await upload("{}", { purpose: "batch" }, body.token)).toMatchObject({ status: 403 });
    expect((await list()).data).toEqual([]);
    const { id } = await sdkAt(server.url, bearer).upload([line("a")]);
    const batch = { input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    expect((await server.as(body.token)("POST", "/v1/batches", batch)).status).toBe(403);
  });
});

/** A server whose store can be held, with a file of three parts. */
async function withLargeFile() {
  const held = await openHeldStore();
  const { server } = await withProvider(echo, {}, { tick: 50, store: held.store });
  const { bearer, call } = await server.user("bob", run);
  const sdk = sdkAt(server.url, bearer);
  const lines = ["a", "b", "c"].map((id) =>
    line(id, { messages: [{ role: "user", content: "x".repeat(250_000) }] }),
  );
  const { id } = await sdk.upload(lines);
  return { ...held, server, bearer, call, sdk, id };
}

/** Deletes a file while its second part is being read, with all its parts. */
async function deletedWhileRead(
  { hold, store }: HeldStore,
  call: Awaited<ReturnType<typeof withFiles>>["call"],
  id: string,
  begin: () => void,
): Promise<void> {
  const reading = hold("filePart", "before", (_, seq) => seq === 1);
  begin();
  await reading.reached;
  await must(call("DELETE", `/v1/files/${id}`));
  while (await store.pruneTasks(Date.now(), 0, 0));
  reading.release();
}

describe("a file that is deleted while it is read (failure mode 262)", () => {
  it("breaks its download off: a part of it is no whole file", async () => {
    const { server, bearer, call, id, ...held } = await withLargeFile();
    let download: Promise<string> | undefined;
    await deletedWhileRead(held, call, id, () => {
      const headers = { authorization: `Bearer ${bearer}` };
      download = fetch(`${server.url}/v1/files/${id}/content`, { headers }).then((answer) => answer.text());
      download.catch(() => {});
    });
    await expect(download).rejects.toThrow();
  });

  it("fails the batch of which it has the requests, and none of them is sent", async () => {
    const { server, call, id, sdk, ...held } = await withLargeFile();
    let made: ReturnType<typeof sdk.openai.batches.create> | undefined;
    await deletedWhileRead(held, call, id, () => {
      made = sdk.openai.batches.create({
        input_file_id: id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      });
    });
    const batch = await sdk.ended((await made!).id);
    expect(batch).toMatchObject({ status: "failed", errors: { data: [{ code: "file_deleted" }] } });
    expect(batch.request_counts?.total ?? 0).toBe(0);
    const { body } = await must(server.admin("GET", "/api/v1/audit?action=llm_inference_call"));
    expect(body).toEqual([]);
  });
});
