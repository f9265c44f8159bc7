import { SseParser } from "../src/wire/sse.ts";

/** A message of JSON-RPC, as it was received. */
export interface McpMessage {
  id?: unknown;
  method?: string;
  params?: { progressToken?: unknown; message?: unknown };
  result?: { content?: { text?: string }[]; tools?: { name: string }[]; isError?: boolean };
  error?: { code: number; message: string; data?: { code?: string } };
}

export interface McpClientOptions {
  url: string;
  bearer?: string;
  era: "legacy" | "modern";
  /** Also opens the stream for messages of the server (legacy). */
  listens?: boolean;
}

/** The answer to one request, with all that came before it. */
export interface McpAnswer {
  status: number;
  messages: McpMessage[];
}

const modernMeta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1.0.0" },
};

/**
 * An MCP client over HTTP that hides nothing: no message is passed over, and nothing is sent again. That is the reason why
 * it is not that of the SDK.
 */
export class McpClient {
  /** Messages that came on the stream of the session. */
  readonly unasked: McpMessage[] = [];
  readonly #options: McpClientOptions;
  #session: string | undefined;
  #nextId = 1;
  #listening: AbortController | undefined;

  constructor(options: McpClientOptions) {
    this.#options = options;
  }

  /** Begins a session. A modern client has none. */
  async begin(): Promise<void> {
    const { era, listens } = this.#options;
    if (era === "modern") return;
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "bench", version: "1.0.0" },
    };
    const response = await this.#post({ jsonrpc: "2.0", id: this.#nextId++, method: "initialize", params });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`initialize: ${response.status} ${text.slice(0, 200)}`);
    this.#session = response.headers.get("mcp-session-id") ?? undefined;
    await (await this.#post({ jsonrpc: "2.0", method: "notifications/initialized" })).text();
    if (listens) void this.#listen();
  }

  /** Calls a method and reads the whole response. */
  async request(
    method: string,
    params: object,
    { signal, progressToken }: { signal?: AbortSignal; progressToken?: string } = {},
  ): Promise<McpAnswer & { id: number }> {
    const id = this.#nextId++;
    const meta = {
      ...(this.#options.era === "modern" && modernMeta),
      ...(progressToken !== undefined && { progressToken }),
    };
    const message = { jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } } as const;
    const response = await this.#post(message, signal);
    const text = await response.text();
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    return { id, status: response.status, messages: isStream ? messagesIn(text) : [JSON.parse(text)] };
  }

  /** Leaves. The server is told of the end of the session if `isPolite`. */
  async end(isPolite: boolean): Promise<void> {
    this.#listening?.abort();
    if (this.#session === undefined || !isPolite) return;
    const { url } = this.#options;
    await (await fetch(url, { method: "DELETE", headers: this.#headers() })).text();
  }

  #post(
    message: { jsonrpc: "2.0"; id?: number; method: string; params?: object },
    signal?: AbortSignal,
  ): Promise<Response> {
    const { url, era } = this.#options;
    const { name } = (message.params ?? {}) as { name?: string };
    const headers = {
      ...this.#headers(),
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(era === "modern" && {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": message.method,
        ...(name !== undefined && { "mcp-name": name }),
      }),
    };
    return fetch(url, {
      method: "POST",
      headers,
      body: JSON.stringify(message),
      ...(signal && { signal }),
    });
  }

  #headers(): Record<string, string> {
    const { bearer } = this.#options;
    return {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(this.#session !== undefined && { "mcp-session-id": this.#session }),
    };
  }

  async #listen(): Promise<void> {
    this.#listening = new AbortController();
    const headers = { ...this.#headers(), accept: "text/event-stream" };
    try {
      const response = await fetch(this.#options.url, { headers, signal: this.#listening.signal });
      const parser = new SseParser();
      for await (const bytes of response.body!)
        for (const { data } of parser.push(bytes)) this.unasked.push(JSON.parse(data));
    } catch {
      // The client has left.
    }
  }
}

function messagesIn(text: string): McpMessage[] {
  return new SseParser().push(new TextEncoder().encode(text)).map(({ data }) => JSON.parse(data));
}
