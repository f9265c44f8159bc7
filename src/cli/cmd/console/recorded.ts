import { SseParser } from "../../../wire/sse.ts";
import type { ApiClient } from "../../client/client.ts";

type Probe = Pick<ApiClient, "probe">;

/** Returns a client that passes on everything, and tells each message that it sends and gets. */
export function recorded(client: Probe, onMessage: (from: "client" | "server", body: string) => void): Probe {
  return {
    async probe(method, path, options) {
      const { body } = options;
      if (body instanceof Uint8Array) onMessage("client", new TextDecoder().decode(body));
      const response = await client.probe(method, path, options);
      const type = response.headers.get("content-type") ?? "";
      if (type.startsWith("application/json"))
        void response
          .clone()
          .text()
          .then(
            (text) => onMessage("server", text),
            () => undefined,
          );
      else if (type.startsWith("text/event-stream"))
        void events(response.clone(), (text) => onMessage("server", text)).catch(() => undefined);
      return response;
    },
  };
}

async function events({ body }: Response, onMessage: (text: string) => void): Promise<void> {
  const parser = new SseParser({ maxEventBytes: 10 * 1024 * 1024 });
  for await (const bytes of body ?? []) for (const { data } of parser.push(bytes)) onMessage(data);
}
