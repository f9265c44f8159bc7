import { passthroughPipe } from "../../../adapters/passthrough/index.ts";
import { maxParsedBytes } from "../../../adapters/shapes/parse-answer.ts";
import { AppError } from "../../../errors.ts";
import { uncompressed } from "../../../net/inflated-response.ts";
import type { ProviderResponse } from "../../../net/pushed-response.ts";
import { dialects } from "../../../wire/dialects/index.ts";
import { operations } from "../../../wire/dialects/operations.ts";
import { noUsage } from "../../../wire/dialects/usage.ts";
import { isObject, parsedObject } from "../../../wire/json.ts";
import { withoutTopLevel } from "../../../wire/json-splice.ts";
import { personalIds } from "../../core/access/policy.ts";
import { GrowingMemory } from "../../core/growing-memory.ts";
import { liveResponse } from "../../core/live-response.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import type { InferenceDeps } from "../call.ts";
import { transportFailure } from "../failure.ts";
import type { LearnedQuirks } from "../learned-quirks.ts";
import { resolveNamed } from "../pools/nearest-model.ts";
import { keyOf, providerOf } from "../provider.ts";
import { isEventStream, isSuccess, refusalOf } from "../provider-response.ts";
import { type ParsedRequest, requestedModel } from "../request.ts";
import { openStream, streamHeaders } from "../stream.ts";
import {
  type BackgroundAnswer,
  type BackgroundUsage,
  isReport,
  isRunning,
  mostPending,
  reportedUsage,
} from "./background-usage.ts";
import { answerOfEarlierRun } from "./pending-call.ts";
import { unknownObject } from "./placed-request.ts";
import { keepsState, llmsWithState, type ProviderObjects } from "./provider-objects.ts";
import { StateRecord } from "./state-record.ts";
import type { StateCall, StateRoute } from "./state-routes.ts";

const safeId = /^[\w-]{1,200}$/;

/** Passes calls about answers and conversations on to the provider that keeps them, for their owners only (T132). */
export class StateCalls {
  readonly #deps: InferenceDeps;
  readonly #objects: ProviderObjects;
  readonly #background: BackgroundUsage;
  readonly #learned: LearnedQuirks;

  constructor(
    deps: InferenceDeps,
    objects: ProviderObjects,
    background: BackgroundUsage,
    learned: LearnedQuirks,
  ) {
    this.#deps = deps;
    this.#objects = objects;
    this.#background = background;
    this.#learned = learned;
  }

  /** Answers a call. Throws AppError after its audit event is committed. */
  async call(call: StateCall): Promise<Response> {
    await this.#deps.audit.assertWorks();
    const record = new StateRecord(call, this.#deps.audit, this.#deps.now);
    try {
      return await this.#answer(call, record);
    } catch (thrown) {
      const error = transportFailure(thrown);
      // The caller gets the error even if the log cannot be written.
      await record.close(error.status, undefined, error).catch(() => {});
      throw error;
    }
  }

  /** Waits for the answers of an earlier run of the server that are not booked yet. Throws AppError. */
  async loadBackground(): Promise<void> {
    const { catalogue, limits, now } = this.#deps;
    for (const object of await this.#objects.unbooked(mostPending)) {
      const answer = answerOfEarlierRun(object, catalogue.snapshot, limits);
      if (answer) this.#background.add(answer, now() - object.at);
    }
  }

  /** Books the usage of answers that have ended in the background. The work of one run, for a timer. Never throws. */
  async settleBackground(): Promise<void> {
    for (const answer of this.#background.due()) {
      const llm = this.#deps.catalogue.snapshot.byId.get(answer.llm.id) as LlmRow | undefined;
      const isLost = !llm || !keepsState(llm) || this.#background.isOverdue(answer);
      const settled = isLost ? this.#background.settle(answer) : this.#look(answer, llm);
      await settled.catch(() => {});
    }
  }

  /** Books the usage of an answer if it has ended, or is gone. Throws AppError, TypeError. */
  async #look(answer: BackgroundAnswer, llm: LlmRow): Promise<void> {
    const key = await keyOf(llm, this.#deps.secrets);
    const url = this.#url(llm, `${operations.responses.path}/${answer.id}`);
    const response = await this.#send(llm, key, "GET", url, AbortSignal.timeout(30_000));
    if (!isSuccess(response)) {
      response.cancel();
      if (response.status === 404) await this.#background.settle(answer);
      return;
    }
    const body = parsedObject((await response.bytes(maxParsedBytes)).toString("utf8"));
    if (body && !isRunning(body)) await this.#background.settle(answer, reportedUsage(body));
  }

  async #answer(call: StateCall, record: StateRecord): Promise<Response> {
    const { route, id, item, principal, httpRequest } = call;
    const body = route.takesBody ? await call.read() : undefined;
    const llm = await this.#llmOf(call, body);
    record.llm = llm;
    if (item !== undefined && !safeId.test(item)) throw unknownObject("Item", item);
    const admission = await this.#deps.limits.admit(principal, [llm], 0, 0);
    admission.settle(llm, noUsage);
    const running = route.does === "delete" && this.#background.pending({ principal, id: id! });
    // It may have ended, and nobody can ask any more when it is deleted.
    if (running) await this.#look(running, llm);
    const key = await keyOf(llm, this.#deps.secrets);
    const { adapter, timeouts } = providerOf(llm);
    const path = route.path.replace(":id", id ?? "").replace(":item", item ?? "") as StateRoute["path"];
    const url = this.#url(llm, path, route.query, call.query);
    const text =
      body && (route.does === "create" ? withoutTopLevel(body.text, body.scan, "model") : body.text);
    const sent = text === undefined ? undefined : ((await body?.long?.parts(text)) ?? text);
    const response = await this.#send(llm, key, route.method, url, httpRequest.signal, sent);
    if (!isSuccess(response)) throw await refusalOf(response, adapter, key);
    if (isEventStream(response)) {
      const opened = openStream({
        response,
        record,
        requestId: call.requestId,
        family: dialects[adapter.dialect].family,
        key,
        deadlines: this.#deps.deadlines,
        memory: new GrowingMemory(this.#deps.answers, principal.userId),
        readTimeout: timeouts.silence,
        pipe: passthroughPipe("responses", { stripUsage: false }),
        isLabelled: true,
        wire: dialects.responses,
        principal,
        guard: { streams: this.#deps.streams, reason: bearerEnded },
        onComplete: ({ usage }) =>
          void this.#background
            .settle({ principal, id: id! }, isReport(usage) ? usage : undefined)
            .catch(() => {}),
        place: { leave() {} },
        onLastBytes: call.onLastBytes,
        visibleError: (error) => error,
      });
      return liveResponse(opened instanceof Promise ? await opened : opened, streamHeaders, httpRequest);
    }
    const bytes = await response.bytes(maxStateBytes);
    await this.#note(call, llm, bytes);
    await record.close(200);
    return new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": "application/json" },
    });
  }

  /** Notes what a whole answer of the provider tells: an object that is new or gone, an answer that has ended. */
  async #note({ route, id, principal }: StateCall, llm: LlmRow, bytes: Buffer): Promise<void> {
    if (route.does === "delete") {
      await this.#background.settle({ principal, id: id! });
      return this.#objects.forget(personalIds(principal).id, id!);
    }
    const isAnswer = route.path === "/v1/responses/:id" || route.does === "cancel";
    if ((!isAnswer && route.does !== "create") || bytes.length > maxParsedBytes) return;
    const body = parsedObject(bytes.toString("utf8"));
    if (!isObject(body)) return;
    if (route.does === "create") {
      if (typeof body["id"] === "string")
        await this.#objects.keep(personalIds(principal).id, body["id"], llm, "conversation");
    } else if (!isRunning(body)) await this.#background.settle({ principal, id: id! }, reportedUsage(body));
  }

  /** Returns the llm that holds the object, or in which one is created. Throws AppError. */
  async #llmOf({ principal, id, route }: StateCall, body: ParsedRequest | undefined): Promise<LlmRow> {
    const { snapshot } = this.#deps.catalogue;
    if (id !== undefined) {
      const holder = await this.#objects.holder(
        personalIds(principal).id,
        id,
        llmsWithState(snapshot, principal),
      );
      if (holder) return holder;
      throw unknownObject(route.path.startsWith("/v1/responses") ? "Response" : "Conversation", id);
    }
    const named = body?.body["model"] !== undefined;
    const llms = named
      ? resolveNamed(snapshot, principal, requestedModel(body.body))
      : llmsWithState(snapshot, principal);
    const [first, ...others] = llms.filter(keepsState);
    if (first && (named || others.length === 0)) return first;
    throw new AppError(
      "invalid_request",
      first
        ? "model is required: you may run several llms that keep conversations"
        : "no llm keeps conversations",
      { hint: 'name an llm whose field responses is "stateful" in the field model' },
    );
  }

  #url(llm: LlmRow, path: string, passed: readonly string[] = [], query = new URLSearchParams()): URL {
    const provider = providerOf(llm);
    const quirks = this.#learned.with(llm, provider.quirksOf(llm.spec.model));
    const base = path.startsWith(operations.responses.path) ? operations.responses.path : conversationsPath;
    const url = new URL(provider.url(base, quirks));
    url.pathname += path.slice(base.length);
    for (const [name, value] of query) if (passed.includes(name)) url.searchParams.append(name, value);
    return url;
  }

  async #send(
    llm: LlmRow,
    key: string | undefined,
    method: StateRoute["method"],
    url: URL,
    signal: AbortSignal,
    body?: string | readonly Uint8Array[],
  ): Promise<ProviderResponse> {
    const { headers, timeouts } = providerOf(llm);
    const response = await this.#deps.outbound(url, {
      method,
      headers: { ...headers(key), ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body }),
      timeouts,
      signal,
    });
    return uncompressed(response);
  }
}

const conversationsPath = "/v1/conversations";
/** The most bytes of what a provider keeps, which passes through unread. */
const maxStateBytes = 64 * 1024 * 1024;

function bearerEnded(): AppError {
  return new AppError("unauthenticated", "the bearer is no longer valid");
}
