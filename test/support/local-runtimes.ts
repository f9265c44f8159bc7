import { onTestFinished } from "vitest";
import {
  type Connection,
  chatAnswer,
  reply,
  type Script,
  type Seen,
  type Upstream,
  upstream,
} from "./upstream.ts";

/** A server of the kind that people run on their workstations, which a test can change while it runs. */
export interface LocalRuntime extends Upstream {
  /** Models it has. */
  models: string[];
  /** Of those, the ones in memory. */
  loaded: string[];
  /** Status of `/health` where there is one; anything but 200 is a server that is not ready. */
  health: number;
  /** It takes no call: connections are reset. */
  isDown: boolean;
  /** Answers a call of a model; `chatAnswer` when left alone. */
  onCall: (asked: Seen, connection: Connection) => void;
  port: number;
}

type Route = (runtime: LocalRuntime, asked: Seen) => [status: number, body: unknown] | undefined;

function start(route: Route, models: string[]): LocalRuntime {
  const script: Script = (asked, connection) => {
    if (runtime.isDown) return connection.reset();
    if (asked.method === "POST" && asked.path.startsWith("/v1/")) return runtime.onCall(asked, connection);
    const [status, body] = route(runtime, asked) ?? [404, { error: "not found" }];
    connection.write(reply(status, body, typeof body === "string" ? { "content-type": "text/plain" } : {}));
  };
  const runtime: LocalRuntime = Object.assign(upstream(script), {
    models,
    loaded: [],
    health: 200,
    isDown: false,
    onCall: (_: Seen, connection: Connection) => connection.write(reply(200, chatAnswer("hello"))),
    port: 0,
  });
  runtime.port = Number(new URL(runtime.url).port);
  return runtime;
}

/** As `GET /v1/models` lists them. */
function openaiList(models: readonly string[], owner: string, more: (model: string) => object = () => ({})) {
  const data = models.map((id) => ({
    id,
    object: "model",
    created: 1763700000,
    owned_by: owner,
    ...more(id),
  }));
  return { object: "list", data };
}

/** Ollama: names carry a tag. Sources: ollama docs/api.md, server/routes.go. */
export function ollama(...models: string[]): LocalRuntime {
  const details = { format: "gguf", family: "qwen2", parameter_size: "7.6B", quantization_level: "Q4_K_M" };
  return start(({ models, loaded }, { method, path }) => {
    if (path === "/") return [200, "Ollama is running"];
    if (path === "/api/version") return [200, { version: "0.13.5" }];
    const entry = (name: string) => ({
      name,
      model: name,
      size: 4683087332,
      digest: "845dbda0ea48",
      details,
    });
    if (path === "/api/tags") return [200, { models: models.map(entry) }];
    const running = { expires_at: "2026-11-21T12:05:00Z", size_vram: 4683087332, context_length: 4096 };
    if (path === "/api/ps") return [200, { models: loaded.map((name) => ({ ...entry(name), ...running })) }];
    if (path === "/v1/models") return [200, openaiList(models, "library")];
    return method === "GET" ? [404, "404 page not found"] : undefined;
  }, models);
}

/** LM Studio with its v1 API; what it does not know it answers with 200 and an error, as it does. */
export function lmStudio(...models: string[]): LocalRuntime {
  return start(({ models, loaded }, { method, path }) => {
    const entry = (key: string) => ({
      type: "llm",
      publisher: "qwen",
      key,
      display_name: key,
      architecture: "qwen2",
      quantization: { name: "Q4_K_M", bits_per_weight: 4 },
      size_bytes: 4683087332,
      loaded_instances: loaded.includes(key) ? [{ id: key, config: { context_length: 4096 } }] : [],
      max_context_length: 32768,
      format: "gguf",
    });
    if (path === "/api/v1/models") return [200, { models: models.map(entry) }];
    if (path === "/v1/models") return [200, openaiList(models, "organization_owner")];
    return [200, { error: `Unexpected endpoint or method. (${method} ${path})` }];
  }, models);
}

/** llama-server. As a router it says of each model whether it is loaded. */
export function llamaCpp({ router = false }, ...models: string[]): LocalRuntime {
  return start(({ models, loaded, health }, { path }) => {
    if (path === "/") return [200, "<!doctype html><title>llama.cpp - chat</title>"];
    if (path === "/health")
      return health === 200
        ? [200, { status: "ok" }]
        : [health, { error: { code: health, message: "Loading model", type: "unavailable_error" } }];
    if (path === "/props")
      return [200, { default_generation_settings: { n_ctx: 4096 }, total_slots: 4, build_info: "b7100-abc" }];
    const status = (id: string) => ({
      status: { value: loaded.includes(id) ? "loaded" : "unloaded", args: [] },
    });
    if (path === "/models" || path === "/v1/models")
      return [
        200,
        openaiList(models, "llamacpp", router ? status : () => ({ meta: { n_ctx_train: 32768 } })),
      ];
    return [404, { error: { code: 404, message: "File Not Found", type: "not_found_error" } }];
  }, models);
}

/** vLLM's OpenAI server. */
export function vllm(...models: string[]): LocalRuntime {
  return start(({ models, health }, { path }) => {
    if (path === "/health") return [health, ""];
    if (path === "/version") return [200, { version: "0.12.0" }];
    if (path === "/v1/models")
      return [200, openaiList(models, "vllm", (root) => ({ root, parent: null, max_model_len: 32768 }))];
    return [404, { detail: "Not Found" }];
  }, models);
}

/** Lemonade Server. */
export function lemonade(...models: string[]): LocalRuntime {
  return start(({ models, loaded }, { path }) => {
    if (path === "/v1/health" || path === "/api/v1/health")
      return [200, { status: "ok", checkpoint_loaded: null, model_loaded: loaded[0] ?? null }];
    if (path === "/v1/models" || path === "/api/v1/models") return [200, openaiList(models, "lemonade")];
    return [404, { error: { message: "The requested endpoint does not exist", type: "not_found" } }];
  }, models);
}

/** Any other server with OpenAI's API, such as SGLang or mlx_lm. With `key` it refuses who has none. */
export function plainOpenAi({ key = false }, ...models: string[]): LocalRuntime {
  return start(({ models }, { path }) => {
    if (path !== "/v1/models") return [404, { detail: "Not Found" }];
    if (key)
      return [401, { error: { message: "Incorrect API key provided", type: "invalid_request_error" } }];
    return [200, openaiList(models, "owner")];
  }, models);
}

/** LiteLLM's proxy, without a master key; with one if `health` is 401. */
export function liteLlm(...models: string[]): LocalRuntime {
  return start(({ models, health }, { path }) => {
    if (path === "/") return [200, "<!doctype html><title>LiteLLM API - Swagger UI</title>"];
    if (path === "/health/liveliness") return [200, '"I\'m alive!"'];
    if (health === 401) return [401, { error: { message: "No api key passed in.", code: "401" } }];
    if (path === "/v1/models") return [200, openaiList(models, "openai")];
    return [404, { detail: "Not Found" }];
  }, models);
}

/** Something on a port that runs no models: its answers are pages. */
export function webSite(): LocalRuntime {
  return start(() => [200, "<!doctype html><title>It works</title>"], []);
}

/** A port of this machine on which nobody listens. */
export function closedPort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
}

/** A port that leads to a runtime while it is open, and refuses connections while it is not. */
export interface Door {
  url: string;
  open(): void;
  shut(): void;
  /** From now on it leads to another. */
  leadTo(runtime: LocalRuntime): void;
}

/** A door to a runtime, shut at first. */
export function behindDoor(runtime: LocalRuntime): Door {
  const port = closedPort();
  let behind = runtime;
  let server: Bun.Server<undefined> | undefined;
  const door = {
    url: `http://127.0.0.1:${port}`,
    open() {
      server ??= Bun.serve({
        hostname: "127.0.0.1",
        port,
        // Everything that comes is asked of the runtime, as it came.
        fetch: async (request) => {
          const { pathname, search } = new URL(request.url);
          const body = request.method === "POST" ? await request.text() : undefined;
          return fetch(behind.url + pathname + search, { method: request.method, ...(body && { body }) });
        },
      });
    },
    shut() {
      server?.stop(true);
      server = undefined;
    },
    leadTo(other: LocalRuntime) {
      behind = other;
    },
  };
  onTestFinished(() => door.shut());
  return door;
}
