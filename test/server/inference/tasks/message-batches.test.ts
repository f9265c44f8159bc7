import Anthropic from "@anthropic-ai/sdk";
import { expect, it } from "vitest";
import { openHeldStore } from "../../../support/held-store.ts";
import { withProvider } from "../setup.ts";
import { echo } from "./batch-setup.ts";

it("Anthropic's SDK makes batches of messages at a provider of OpenAI's, and reads, lists, cancels and deletes them", async () => {
  const { server, provider, bearer, call } = await withProvider(
    (seen, connection) => (seen.text.includes("never") ? undefined : echo(seen, connection)),
    {},
    { tick: 50 },
  );
  const { batches } = new Anthropic({ apiKey: bearer, baseURL: server.url, maxRetries: 0 }).messages;
  const request = (custom_id: string, content: string) => ({
    custom_id,
    params: { model: "gpt", max_tokens: 10, messages: [{ role: "user" as const, content }] },
  });
  const ended = async (id: string) => {
    const status = async () => (await batches.retrieve(id)).processing_status;
    await expect.poll(status, { interval: 20 }).toBe("ended");
    return batches.retrieve(id);
  };
  const begun = await batches.create({ requests: [request("a", "hello"), request("b", "fail 400")] });
  expect(begun).toMatchObject({ type: "message_batch", processing_status: "in_progress", results_url: null });
  const batch = await ended(begun.id);
  const counts = { processing: 0, succeeded: 1, errored: 1, canceled: 0, expired: 0 };
  expect(batch).toMatchObject({ request_counts: counts, results_url: expect.stringContaining(begun.id) });
  const results = [];
  for await (const result of await batches.results(begun.id)) results.push(result);
  expect(results).toMatchObject([
    {
      custom_id: "a",
      result: { type: "succeeded", message: { type: "message", content: [{ type: "text", text: "hello" }] } },
    },
    {
      custom_id: "b",
      result: { type: "errored", error: { type: "error", error: { type: "invalid_request_error" } } },
    },
  ]);

  const second = await batches.create({ requests: [request("c", "never"), request("d", "never")] });
  await expect.poll(() => provider.seen.length).toBe(4);
  await expect(batches.delete(second.id)).rejects.toMatchObject({ status: 409 });
  await expect(batches.results(second.id)).rejects.toThrow();
  expect((await batches.cancel(second.id)).processing_status).toBe("canceling");
  expect((await ended(second.id)).request_counts).toEqual({
    ...counts,
    succeeded: 0,
    errored: 0,
    canceled: 2,
  });
  const ids = [];
  for await (const { id } of batches.list({ limit: 1 })) ids.push(id);
  expect(ids).toEqual([second.id, begun.id]);
  expect((await call("GET", "/v1/batches")).body.data).toEqual([]);
  expect((await call("GET", `/v1/batches/${begun.id}`)).status).toBe(404);
  expect(await batches.delete(begun.id)).toMatchObject({ type: "message_batch_deleted" });
  await expect(batches.retrieve(begun.id)).rejects.toMatchObject({ status: 404 });

  const refused = provider.seen.length;
  const bad = (requests: unknown) => call("POST", "/v1/messages/batches", { requests });
  for (const [requests, words] of [
    [undefined, "requests"],
    [[request("a", "x"), request("a", "y")], "not unique"],
    [[request("a b", "x")], "requests.0.custom_id"],
    [[{ custom_id: "a" }], "requests.0.params"],
    [[{ ...request("a", "x"), params: { ...request("a", "x").params, stream: true } }], "stream"],
    [
      [request("a", "x"), { custom_id: "b", params: { ...request("b", "y").params, model: "other" } }],
      "one model",
    ],
    [[{ custom_id: "b", params: { ...request("b", "y").params, model: "other" } }], "no model"],
  ] as const) {
    const { status, body } = await bad(requests);
    expect(status).toBeOneOf([400, 404]);
    expect(body.error.message).toContain(words);
  }
  expect(provider.seen).toHaveLength(refused);
});

it("a batch that is cancelled while its requests are stored is shown as what it is, and none of them is sent", async () => {
  const { store, hold } = await openHeldStore();
  const { server, provider, bearer } = await withProvider(echo, {}, { tick: 50, store });
  const { batches } = new Anthropic({ apiKey: bearer, baseURL: server.url, maxRetries: 0 }).messages;
  const storing = hold("addTasks", "before");
  const messages = [{ role: "user" as const, content: "hello" }];
  const params = { model: "gpt", max_tokens: 10, messages };
  const late = batches.create({ requests: [{ custom_id: "a", params }] });
  // Promises of the SDK begin with their first reader.
  const made = late.then((batch) => batch);
  await storing.reached;
  const { data } = await batches.list();
  expect((await batches.cancel(data[0]!.id)).id).toBe(data[0]!.id);
  storing.release();
  expect((await made).processing_status).not.toBe("in_progress");
  const status = async () => (await batches.retrieve(data[0]!.id)).processing_status;
  await expect.poll(status).toBe("ended");
  expect(provider.seen).toEqual([]);
});
