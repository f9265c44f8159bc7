import { localChat, openaiChat } from "./chat.ts";
import { messages } from "./messages.ts";
import type { Play, Step, Turn } from "./model.ts";
import { responses } from "./responses.ts";
import { type Body, type Dialect, Refusal } from "./wire.ts";

/** The kinds of providers, with the llm that the catalogue gets and the dialects by path. */
export const providers = {
  openai: {
    llm: { type: "openai", model: "gpt-5.4", responses: "native" },
    paths: { "/v1/chat/completions": openaiChat, "/v1/responses": responses },
  },
  anthropic: {
    llm: { type: "anthropic", model: "claude-opus-5" },
    paths: { "/v1/messages": messages },
  },
  local: {
    llm: { type: "llama.cpp", model: "qwen3.5-9b" },
    paths: { "/v1/chat/completions": localChat },
  },
} as const satisfies Record<string, { llm: object; paths: Record<string, Dialect> }>;

export type ProviderName = keyof typeof providers;
export const providerNames = Object.keys(providers) as ProviderName[];

export interface Provider {
  url: string;
  /** The run that is under way; a request outside of one is a fault of the harness. */
  play: Play | undefined;
  stop(): void;
}

/** Starts a scripted provider on a free port of this machine. */
export function startProvider(name: ProviderName): Provider {
  const paths: Record<string, Dialect> = providers[name].paths;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/v1/models")
        return Response.json({ object: "list", data: [{ id: providers[name].llm.model, object: "model" }] });
      if (pathname === "/v1/messages/count_tokens" && name === "anthropic")
        return Response.json({ input_tokens: 2095 });
      const dialect = paths[pathname];
      if (!dialect || !provider.play)
        return Response.json(
          { error: { message: "Not Found", type: "not_found_error", code: 404 } },
          { status: 404 },
        );
      const body: Body = await request.json();
      try {
        const { play } = provider;
        request.signal.addEventListener("abort", () => play.left.resolve());
        const turn = dialect.parse(body);
        const step = provider.play.next(turn, dialect.thinks);
        if (step.overflow) throw dialect.overflow();
        return turn.stream
          ? streamed(dialect, step, turn, body)
          : Response.json(dialect.whole(step, turn, body));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        provider.play.refusals.push(error.message.slice(0, 300));
        return Response.json(error.body, { status: error.status });
      }
    },
  });

  function streamed(dialect: Dialect, step: Step, turn: Turn, body: Body): Response {
    const encoder = new TextEncoder();
    const frames = dialect.events(step, turn, body)[Symbol.iterator]();
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (step.endless) await Bun.sleep(20);
        const { done, value } = frames.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  const provider: Provider = {
    url: `http://127.0.0.1:${server.port}`,
    play: undefined,
    stop: () => void server.stop(true),
  };
  return provider;
}
