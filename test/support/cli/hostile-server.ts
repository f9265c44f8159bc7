import type { TSchema } from "@sinclair/typebox";
import { kinds } from "../../../src/kinds/index.ts";
import { fakeApi } from "./fake-api.ts";

/** Clears a screen, sets a title, hides and reverses text, fakes a line, leads out of a folder, runs a command. */
export const hostileText =
  "\u001b[2J\u001b]0;t\u0007\u009b31m\u202ex\u2066\u200b\u200e\u061c\u2028\u2029\u007f\u0085\r\nerror: fake\u0000$(touch /tmp/x)`id`";

/** Everything that a terminal obeys or hides, but for line breaks. */
export const forbidden =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

/** The answers of a server whose names and ids are such, and whose every other text is hostile. */
export function hostileAnswers(text = hostileText): Record<string, unknown> {
  const answers: Record<string, unknown> = {};
  for (const { kind, plural, idPrefix, fields, readOnly } of kinds) {
    const object = {
      ...(hostileValue(fields, text) as object),
      ...(hostileValue(readOnly, text) as object),
      ...{ [text]: text, probe: { ok: false, message: text }, token: text, unknown: { toString: text } },
      id: `${idPrefix}_${"0".repeat(26)}`,
      name: "one",
      version: 1,
      createdAt: "2026-11-21T11:00:00Z",
      updatedAt: "2026-11-21T11:00:00Z",
    };
    const path = `/api/v1/${plural}`;
    answers[`GET ${path}`] = (request: Request) =>
      request.url.includes("watch=") ? watchOf(object, text) : [object];
    answers[`POST ${path}`] = object;
    for (const name of ["one", object.id]) {
      answers[`GET ${path}/${name}`] = object;
      answers[`PUT ${path}/${name}`] = { ...object, version: 2 };
      answers[`DELETE ${path}/${name}`] = undefined;
    }
    answers[`GET ${path}/one/members`] = {
      poolName: text,
      explicit: true,
      size: 2,
      activeCount: 1,
      members: [{ ...object, origin: text, status: text }],
    };
    if (kind === "server") {
      const hash = "0".repeat(64);
      const [before, after] = [{ name: text }, { name: text, [text]: text }];
      answers[`GET ${path}/one/changes`] = [{ key: text, before, after, hash }];
      answers[`POST ${path}/one/approve`] = { approved: [text] };
    }
    if (kind === "project")
      answers[`GET ${path}/one/tools`] = [
        { name: text, server: text, original: text, tokens: 1, offered: false, reason: text },
        { name: "one", server: null, original: text, tokens: 1, offered: true, reason: null },
      ];
    if (kind === "secretbackend") {
      answers[`POST ${path}/one/rotate`] = { name: "one", rotatedAt: "2026-11-21T11:00:00Z", warning: text };
      answers[`POST ${path}/wizard`] = { backend: object, secret: "one", policy: text, role: text };
    }
  }
  const event = {
    at: "2026-11-21T11:00:00Z",
    action: text,
    requestId: text,
    user: text,
    token: text,
    userId: text,
    tokenId: text,
    status: 200,
    llm: text,
    model: text,
    error: text,
    detail: { [text]: text },
  };
  const sse = (data: string) => new Response(data, { headers: { "content-type": "text/event-stream" } });
  const frame = (part: object) => `data: ${JSON.stringify(part)}\n\n`;
  const chat = (_: Request, body: unknown) => {
    if (!(body as { stream?: true }).stream)
      return { choices: [{ message: { role: text, content: text }, finish_reason: text }], usage: null };
    const delta = { content: text, reasoning: text, tool_calls: [{ index: 0, function: { name: text } }] };
    return sse(
      `${frame({ choices: [{ delta, finish_reason: "length" }] })}${frame({ error: { message: text, code: "interrupted" } })}`,
    );
  };
  return {
    ...answers,
    "GET /api/v1/version": { version: text, commit: text, date: text, bun: text },
    "GET /api/v1/auth/whoami": {
      kind: "User",
      user: text,
      token: text,
      impersonator: text,
      groups: [text],
      admin: false,
    },
    "GET /api/v1/auth/rights": [
      {
        holder: text,
        via: text,
        binding: text,
        grant: { role: text, resource: text, name: text, [text]: text },
        isStale: true,
      },
    ],
    "POST /api/v1/tokens/one/rotate": { id: "tok_1", name: "one", token: "mcpctl_pat_x", [text]: text },
    "POST /api/v1/auth/can-i": { allowed: true, [text]: text },
    "POST /api/v1/auth/login": { token: text },
    "POST /api/v1/auth/logout": undefined,
    "POST /api/v1/auth/passwd": undefined,
    "GET /api/v1/audit": (request: Request) =>
      request.url.includes("watch=") ? sse(`event: audit\n${frame(event)}`) : [event],
    "GET /api/v1/prices": {
      asOf: text,
      llms: [{ llm: "claude", model: text, rates: { input: text }, source: text, reason: text }],
      models: [{ provider: text, model: text, price: { [text]: text }, source: text }],
    },
    "GET /api/v1/workstations": [
      {
        ...{ name: text, user: text, state: "connected", version: text },
        ...{ connectedSince: null, lastSeenAt: null },
        publishes: [{ kind: text, name: "one", status: text }],
      },
    ],
    "GET /api/v1/usage": [{ user: text, [text]: text, requests: 1, errors: 0, cost: 1 }],
    "POST /api/v1/master-key/rotate": { keyId: "key", rewrapped: 1, resumed: false, [text]: text },
    "POST /api/v1/secrets/migrate": () =>
      new Response(
        [
          { total: 2 },
          { name: "one", result: "failed", reason: text, left: text },
          { name: "two", result: "skipped", reason: text },
          { summary: { failed: 1 } },
        ]
          .map((line) => `${JSON.stringify(line)}\n`)
          .join(""),
      ),
    "POST /v1/chat/completions": chat,
    "POST /api/v1/agents/one/chat": chat,
    "POST /api/v1/agents/one/threads": { id: "thr_1", title: text },
    "GET /api/v1/threads/thr_1": { id: "thr_1", messages: [{ role: "user", content: text }] },
    "GET /api/v1/kinds": [
      {
        kind: "gadget",
        plural: "gadgets",
        short: ["gd"],
        display: "Gadget\u001b[2J",
        columns: [
          { header: "NAME", path: "name" },
          { header: "A\u202e\nB", path: "size" },
        ],
        fields: { properties: { size: { anyOf: 5 }, [text]: {} } },
        readOnly: { properties: {} },
        writeOnly: [],
      },
    ],
    "GET /api/v1/gadgets": [{ id: "gad_1", name: "one", size: text }],
    "GET /api/v1/gadgets/one": { id: "gad_1", name: "one", size: { [text]: text } },
    "GET /healthz": () =>
      new Response(text.replaceAll("\n", ""), {
        headers: { server: "\u009b31m", "x-proxy": "\u00ad\u0085" },
      }),
  };
}

export function hostileServer() {
  return fakeApi(hostileAnswers());
}

function watchOf(object: object, text: string): Response {
  const frames = [
    ["added", object],
    ["synced", {}],
    ["modified", { ...object, description: `${text}2` }],
    ["deleted", object],
    ["added", 5],
  ];
  return new Response(
    frames.map(([event, data]) => `event: ${event}\nid: 1\ndata: ${JSON.stringify(data)}\n\n`).join(""),
    { headers: { "content-type": "text/event-stream" } },
  );
}

/** A value of the type that a schema has; every text is hostile. */
function hostileValue(schema: TSchema, text: string): unknown {
  const variants = (schema.anyOf ?? []) as TSchema[];
  if (variants.length > 0) return hostileValue(variants.find(({ type }) => type !== "null")!, text);
  if (typeof schema.const === "string" || schema.type === "string") return text;
  if (schema.type === "boolean") return true;
  if (schema.type === "integer" || schema.type === "number") return 1;
  if (schema.type === "array") return [hostileValue(schema.items as TSchema, text)];
  if (schema.type !== "object") return { [text]: text };
  const properties = (schema.properties ?? {}) as Record<string, TSchema>;
  const entries = Object.entries(properties).map(([key, inner]) => [key, hostileValue(inner, text)]);
  const [values] = Object.values((schema.patternProperties ?? {}) as Record<string, TSchema>);
  return { ...Object.fromEntries(entries), ...(values && { [text]: hostileValue(values, text) }) };
}
