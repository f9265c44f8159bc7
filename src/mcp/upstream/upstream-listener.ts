import type { EndSignal } from "../../end-signal.ts";
import { isObject, type JsonObject } from "../messages.ts";
import { McpFailure, RpcError } from "../rpc-error.ts";
import type { ExchangeOptions } from "./wire.ts";

/** Milliseconds for which one stream of changes is open. Then the next one is opened, in case that nobody is there any more. */
const streamTime = 60 * 60_000;
/** Milliseconds before a stream that failed is opened again; at first, and at most. */
const firstPause = 1000;
const longestPause = 60_000;

/** Sends a request to the server, as it has to be in its revision. */
type SendRequest = (method: string, params: JsonObject, options: ExchangeOptions) => Promise<JsonObject>;

/**
 * Keeps `subscriptions/listen` of a modern server open: it tells changes of its lists and of resources on that stream
 * only. They come out as events of the wire, as those of a legacy server do.
 */
export class UpstreamListener {
  readonly #send: SendRequest;
  readonly #lists: JsonObject;
  readonly #resources = new Set<string>();
  #stream: AbortController | undefined;
  #isClosed = false;

  /** @param capabilities of the server */
  constructor(send: SendRequest, capabilities: JsonObject) {
    this.#send = send;
    this.#lists = Object.fromEntries(
      ["tools", "prompts", "resources"]
        .filter((name) => isObject(capabilities[name]) && capabilities[name]["listChanged"] === true)
        .map((name) => [`${name}ListChanged`, true]),
    );
  }

  /** Opens the stream, if the server has anything to tell. */
  start(): void {
    if (!this.#stream) this.#restart();
  }

  follow(uri: string): void {
    if (this.#resources.has(uri)) return;
    this.#resources.add(uri);
    this.#restart();
  }

  unfollow(uri: string): void {
    if (this.#resources.delete(uri)) this.#restart();
  }

  close(): void {
    this.#isClosed = true;
    this.#stream?.abort();
  }

  /** Opens a stream for what is followed now, and ends the one before. */
  #restart(): void {
    this.#stream?.abort();
    if (this.#isClosed) return;
    this.#stream = new AbortController();
    void this.#listen(this.#stream.signal);
  }

  async #listen(signal: EndSignal): Promise<void> {
    let pause = firstPause;
    while (!signal.aborted) {
      const resources = [...this.#resources];
      const notifications = {
        ...this.#lists,
        ...(resources.length > 0 && { resourceSubscriptions: resources }),
      };
      if (Object.keys(notifications).length === 0) return;
      const openedAt = performance.now();
      try {
        const options = { timeout: streamTime, longest: streamTime, signal, isSubscription: true };
        await this.#send("subscriptions/listen", { notifications }, options);
      } catch (error) {
        // The server does not know the method, or has ended.
        if (error instanceof RpcError || (error instanceof McpFailure && error.kind === "session")) return;
      }
      pause = performance.now() - openedAt > longestPause ? firstPause : Math.min(2 * pause, longestPause);
      await pauseFor(pause, signal);
    }
  }
}

function pauseFor(milliseconds: number, signal: EndSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    timer.unref();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
