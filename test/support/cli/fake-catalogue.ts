import { ApiClient } from "../../../src/cli/client/client.ts";
import type { Context, GlobalFlags } from "../../../src/cli/core/context.ts";
import { runMain } from "../../../src/cli/core/run.ts";
import { commands } from "../../../src/commands.ts";
import { type AppError, errorBody } from "../../../src/errors.ts";
import type { Resource } from "../../../src/kinds/define.ts";
import { kinds } from "../../../src/kinds/index.ts";
import { completeConfig } from "../../../src/kinds/secret-backends/config.ts";
import { type FakeTerminal, fakeTerminal, flags as noFlags } from "./fake-terminal.ts";

/** One request as the server has received it. */
export interface Call {
  method: string;
  path: string;
  body: unknown;
}

/**
 * A fake server that stores objects like the real one: POST fills in ids and defaults, PUT changes the given fields and
 * increases the version if something has changed, and secret values are never returned.
 */
export class FakeCatalogue {
  readonly calls: Call[] = [];
  readonly objects = new Map<string, Resource>();
  /** Errors to return instead, one for each request that a test wants refused. */
  refusals: { when: (call: Call) => boolean; error: AppError; retryAfter?: string }[] = [];
  /** Called with each request, before it is answered. */
  onRequest: (call: Call) => Promise<void> = async () => {};
  readonly #hidden = new Map<string, Record<string, unknown>>();
  readonly #server = Bun.serve({ port: 0, fetch: (request) => this.#respond(request) });
  #count = 0;

  get url(): string {
    return this.#server.url.origin;
  }

  /** The write requests, such as `PUT /api/v1/llms/llm_…`, without those of dry runs. */
  get writes(): Call[] {
    return this.calls.filter(({ method, path }) => method !== "GET" && !isDryRun(path));
  }

  /** Makes the next matching request fail. */
  refuse(when: (call: Call) => boolean, error: AppError, retryAfter?: string): void {
    this.refusals.push({ when, error, ...(retryAfter && { retryAfter }) });
  }

  /** Stores an object without a request. */
  seed(plural: string, fields: { name: string } & Record<string, unknown>): Resource {
    return this.#create(plural, fields);
  }

  /** The object with a name, as GET returns it. */
  find(plural: string, name: string): Resource | undefined {
    return [...this.objects].find(
      ([key, object]) => key.startsWith(`${plural}/`) && object.name === name,
    )?.[1];
  }

  stop(): Promise<void> {
    return this.#server.stop(true);
  }

  async #respond(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    const call = {
      method: request.method,
      path: `${pathname}${search}`,
      body: text === "" ? undefined : JSON.parse(text),
    };
    this.calls.push(call);
    await this.onRequest(call);
    const at = this.refusals.findIndex(({ when }) => when(call));
    if (at >= 0) {
      const [{ error, retryAfter }] = this.refusals.splice(at, 1) as [(typeof this.refusals)[0]];
      const headers: Record<string, string> = retryAfter ? { "retry-after": retryAfter } : {};
      return Response.json(errorBody(error, "r1"), { status: error.status, headers });
    }
    if (!isDryRun(search)) return this.#answer(call, pathname, search);
    const before = structuredClone([...this.objects]);
    const hidden = structuredClone([...this.#hidden]);
    const response = this.#answer(call, pathname, search);
    this.objects.clear();
    this.#hidden.clear();
    for (const [key, object] of before) this.objects.set(key, object);
    for (const [id, values] of hidden) this.#hidden.set(id, values);
    if (!response.ok) return response;
    const { token: _, ...object } = (await response.json()) as Resource;
    return Response.json(object);
  }

  #answer(call: Call, pathname: string, search: string): Response {
    const body = call.body as { name: string } & Record<string, unknown>;
    const [, , , plural = "", idOrName] = pathname.split("/");
    if (call.method === "POST") {
      if (this.find(plural, body.name))
        return refusal(
          409,
          "name_taken",
          `${kinds.find((kind) => kind.plural === plural)!.kind} "${body.name}" exists already`,
        );
      return Response.json(this.#create(plural, body, search !== "?probe=false"), { status: 201 });
    }
    if (idOrName === undefined)
      return Response.json(
        [...this.objects].flatMap(([key, object]) => (key.startsWith(`${plural}/`) ? [object] : [])),
      );
    const object = this.objects.get(`${plural}/${idOrName}`) ?? this.find(plural, idOrName);
    if (!object) return refusal(404, "not_found", "not found");
    return call.method === "PUT" ? this.#change(plural, object, body) : Response.json(object);
  }

  #create(plural: string, body: Record<string, unknown>, probe = false): Resource {
    const kind = kinds.find((kind) => kind.plural === plural)!;
    const id = `${kind.idPrefix}_${String(this.#count++).padStart(26, "0")}`;
    const defaults = Object.fromEntries(
      Object.entries(kind.fields.properties).flatMap(([field, schema]) =>
        schema.default === undefined ? [] : [[field, schema.default]],
      ),
    );
    const times = {
      version: 1,
      createdAt: "2026-11-21T10:00:00.000Z",
      updatedAt: "2026-11-21T10:00:00.000Z",
    };
    const object = { id, ...defaults, ...body, ...times } as unknown as Resource;
    completeBackend(object);
    this.#hide(kind.writeOnly, object, id);
    this.objects.set(`${plural}/${id}`, object);
    if (plural === "tokens") return { ...object, token: "mcpctl_pat_theBearer" };
    return plural === "llms" && probe
      ? { ...object, probe: { ok: false, message: "the provider refused the key" } }
      : object;
  }

  #change(plural: string, object: Resource, { version, ...given }: Record<string, unknown>): Response {
    const kind = kinds.find((kind) => kind.plural === plural)!;
    if (version !== undefined && version !== object.version)
      return refusal(409, "stale_version", `llm "${object.name}" has changed since`);
    for (const field of kind.immutable)
      if (field in given && !Bun.deepEquals(given[field], object[field]))
        return refusal(400, "invalid_request", `${field} cannot be changed`);
    const before = JSON.stringify([object, this.#hidden.get(object.id)]);
    for (const [field, value] of Object.entries(given)) {
      if (value === null) object[field] = kind.fields.properties[field]?.default;
      else object[field] = value;
    }
    completeBackend(object);
    this.#hide(kind.writeOnly, object, object.id);
    if (JSON.stringify([object, this.#hidden.get(object.id)]) !== before) object.version++;
    return Response.json(object);
  }

  #hide(writeOnly: readonly string[], object: Resource, id: string): void {
    for (const field of writeOnly) {
      if (!(field in object)) continue;
      const value = object[field];
      delete object[field];
      const before = (this.#hidden.get(id)?.[field] ?? {}) as object;
      const merged =
        typeof value === "object"
          ? Object.fromEntries(Object.entries({ ...before, ...value }).filter(([, v]) => v !== null))
          : value;
      this.#hidden.set(id, { [field]: merged });
      if (field === "data") object["keys"] = Object.keys(merged as object).sort();
    }
  }

  /** Runs a command line against this server. */
  async run(
    argv: string[],
    options: { terminal?: FakeTerminal; stdin?: string; cwd?: string; env?: Record<string, string> } = {},
  ) {
    const terminal =
      options.terminal ?? fakeTerminal(options.stdin === undefined ? {} : { stdin: options.stdin });
    const code = await runMain(argv, commands, {
      terminal,
      env: {
        MCPCTL_SERVER: this.url,
        MCPCTL_HOME: "/nowhere",
        MCPCTL_TOKEN: "t",
        NO_COLOR: "1",
        ...options.env,
      },
      cwd: options.cwd ?? "/",
      signal: new AbortController().signal,
      now: () => Date.parse("2026-11-21T10:00:00Z"),
    });
    return { code, stdout: terminal.stdout, stderr: terminal.stderr };
  }

  /** A context with a client of this server. */
  context(
    options: {
      terminal?: FakeTerminal;
      flags?: Partial<GlobalFlags>;
      cwd?: string;
      env?: Record<string, string>;
    } = {},
  ) {
    const terminal = options.terminal ?? fakeTerminal();
    const context: Context = {
      terminal,
      env: options.env ?? {},
      cwd: options.cwd ?? "/",
      home: "/nowhere",
      flags: { ...noFlags, ...options.flags },
      now: () => Date.parse("2026-11-21T10:00:00Z"),
      signal: new AbortController().signal,
      client: async () => new ApiClient({ url: this.url }),
    };
    return { context, terminal };
  }
}

function isDryRun(path: string): boolean {
  return path.includes("dryRun=true");
}

/** Adds the defaults to the config of an OpenBao. */
function completeBackend(object: Resource): void {
  if (object["type"] !== "openbao" || !("config" in object)) return;
  object["config"] = completeConfig("openbao", object["config"] as Record<string, unknown>).config;
}

function refusal(status: number, code: string, error: string): Response {
  return Response.json({ error, code, requestId: "r1" }, { status });
}
