import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { McpFailure, RpcError } from "../../../mcp/rpc-error.ts";
import { sizeText } from "../../output/cells.ts";
import { jsonBlock, plainBlock } from "./cells.ts";
import { openCurl } from "./curl-screen.ts";
import { FormScreen } from "./form-screen.ts";
import type { Key } from "./keys.ts";
import { type TextPart, TextScreen } from "./text-screen.ts";
import type { ConsoleWorld } from "./world.ts";

/** A request to a project. */
export interface ConsoleCall {
  title: string;
  method: string;
  params: JsonObject;
  /** The tool that is called. */
  tool?: JsonObject;
}

/** The most times that a server may ask within one call. */
const maxRounds = 10;

type Outcome = { result: JsonObject } | { error: Error };

/** A call that runs, and then its result: as a text, or as the messages of JSON-RPC. */
export class CallScreen extends TextScreen {
  readonly #world: ConsoleWorld;
  readonly #call: ConsoleCall;
  readonly #ended = new AbortController();
  readonly #startedAt: number;
  #endedAt: number | undefined;
  #progress = "";
  #outcome: Outcome | undefined;
  #isRaw = false;

  constructor(call: ConsoleCall, world: ConsoleWorld) {
    super({
      title: call.title,
      parts: () => this.#parts(),
      actions: {
        j: { what: "JSON-RPC", act: () => this.#toggle() },
        c: { what: "curl", act: () => openCurl(JSON.stringify(this.#request), world) },
      },
    });
    this.#world = world;
    this.#call = call;
    this.#startedAt = world.now();
    void this.#run();
  }

  override key(key: Key): boolean {
    if (key.name !== "escape" || this.#outcome) return super.key(key);
    this.#ended.abort();
    return true;
  }

  get #request(): JsonObject {
    const { method, params } = this.#call;
    return { jsonrpc: "2.0", id: 1, method, params };
  }

  #toggle(): void {
    this.#isRaw = !this.#isRaw;
  }

  async #run(): Promise<void> {
    const signal = AbortSignal.any([this.#ended.signal, this.#world.signal]);
    const timer = setInterval(() => this.#world.stage.refresh(), 1000);
    try {
      let { params } = this.#call;
      for (let round = 0; ; round++) {
        const result = await this.#send(params, signal);
        const asked = result["resultType"] === "input_required" ? result["inputRequests"] : undefined;
        if (!isObject(asked) || round >= maxRounds) {
          this.#outcome = { result };
          break;
        }
        const inputResponses = await this.#answers(asked, signal);
        const state = result["requestState"];
        params = {
          ...this.#call.params,
          inputResponses,
          ...(state !== undefined && { requestState: state }),
        };
      }
    } catch (error) {
      this.#outcome = { error: error as Error };
    } finally {
      clearInterval(timer);
      this.#endedAt = this.#world.now();
      this.#world.stage.refresh();
    }
  }

  #send(params: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const { method, tool } = this.#call;
    return this.#world.session.request(method, params, {
      signal,
      ...(tool && { tool }),
      onProgress: ({ progress, total, message }) => {
        const count = `${String(progress)}${total === undefined ? "" : `/${String(total)}`}`;
        this.#progress = typeof message === "string" ? `${count} ${message}` : count;
        this.#world.stage.refresh();
      },
    });
  }

  /** Lets the user answer the questions of a server, one after the other. */
  async #answers(asked: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const answers: [string, unknown][] = [];
    for (const [key, question] of Object.entries(asked))
      answers.push([key, await this.#answer(isObject(question) ? question : {}, signal)]);
    return Object.fromEntries(answers);
  }

  #answer({ method, params }: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    if (method !== "elicitation/create" || !isObject(params))
      throw new RpcError(
        -32_601,
        `the server asks for ${String(method).slice(0, 100)}, which the console cannot answer`,
      );
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    signal.addEventListener("abort", () => reject(new McpFailure("cancelled", "the call was cancelled")));
    const { stage } = this.#world;
    stage.open(
      new FormScreen(
        {
          title: `${this.title} › the server asks`,
          question: typeof params["message"] === "string" ? params["message"] : "The server asks:",
          schema: params["requestedSchema"],
          button: "Answer",
          submit: (content) => {
            stage.back();
            resolve({ action: "accept", content });
            return undefined;
          },
          onLeave: () => resolve({ action: "cancel" }),
        },
        stage,
      ),
    );
    stage.refresh();
    return promise;
  }

  #parts(): TextPart[] {
    const head = this.#headline();
    const blank = { text: "" };
    if (this.#isRaw) {
      const answer = this.#answerMessage();
      return [
        head,
        blank,
        { text: "request", style: "bold" },
        { text: jsonBlock(this.#request) },
        ...(answer ? [blank, { text: "response", style: "bold" as const }, { text: jsonBlock(answer) }] : []),
      ];
    }
    if (!this.#outcome || "error" in this.#outcome) return [head];
    return [head, blank, ...resultParts(this.#outcome.result)];
  }

  #headline(): TextPart {
    const time = (this.#endedAt ?? this.#world.now()) - this.#startedAt;
    const outcome = this.#outcome;
    if (!outcome) {
      const progress = this.#progress === "" ? "" : `, ${plainBlock(this.#progress).slice(0, 200)}`;
      return { text: `running, ${Math.floor(time / 1000)} s${progress} (esc cancels)`, style: "yellow" };
    }
    if ("error" in outcome) {
      const { error } = outcome;
      const code = error instanceof RpcError ? ` (${error.code})` : "";
      return { text: plainBlock(`failed after ${time} ms: ${error.message}${code}`), style: "red" };
    }
    const size = sizeText(Buffer.byteLength(JSON.stringify(outcome.result)));
    if (outcome.result["isError"] === true)
      return { text: `the tool reports an error, ${time} ms, ${size}`, style: "red" };
    return { text: `ok, ${time} ms, ${size}`, style: "green" };
  }

  #answerMessage(): JsonObject | undefined {
    if (!this.#outcome) return undefined;
    const { error, result } = { error: undefined, result: undefined, ...this.#outcome };
    const shown = error instanceof RpcError ? error.toJSON() : error && { message: error.message };
    return { jsonrpc: "2.0", id: 1, ...(shown ? { error: shown } : { result }) };
  }
}

/** Returns the content of a result as a model reads it. What is no text is named. */
function resultParts(result: JsonObject): TextPart[] {
  const { content, contents, messages, structuredContent } = result;
  const parts: TextPart[] = [];
  if (Array.isArray(content)) for (const one of content) parts.push(contentPart(one));
  else if (Array.isArray(contents)) for (const one of contents) parts.push(contentPart(one));
  else if (Array.isArray(messages))
    for (const one of messages) {
      const { role, content: said } = isObject(one) ? one : {};
      parts.push({ text: plainBlock(`${String(role)}:`), style: "bold" }, contentPart(said));
    }
  else parts.push({ text: jsonBlock(result) });
  if (structuredContent !== undefined)
    parts.push({ text: "structuredContent", style: "bold" }, { text: jsonBlock(structuredContent) });
  return parts;
}

function contentPart(value: unknown): TextPart {
  if (!isObject(value)) return { text: jsonBlock(value) };
  const { type, text, mimeType, data, blob, resource } = value;
  if (isObject(resource)) return contentPart(resource);
  if (typeof text === "string") return { text: plainBlock(text) };
  const bytes = typeof data === "string" ? data : typeof blob === "string" ? blob : undefined;
  if (bytes === undefined) return { text: jsonBlock(value) };
  const what = [type ?? "blob", mimeType ?? ""].map(String).join(" ").trim();
  return { text: plainBlock(`[${what}, ${sizeText(Math.floor(bytes.length * 0.75))}]`), style: "dim" };
}
