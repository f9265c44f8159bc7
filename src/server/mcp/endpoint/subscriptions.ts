import { isObject, type JsonObject, type RpcId, type RpcRequest } from "../../../mcp/messages.ts";
import { metaKeys, otherMetaKeys } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { Principal } from "../../core/access/policy.ts";
import { offerOf } from "../offers/offer.ts";
import { ClientStream } from "./client-stream.ts";
import { refused } from "./dispatch.ts";
import type { EndpointOptions, EndpointRequest } from "./endpoint-types.ts";
import type { ResourceSubscriber } from "./exchange.ts";
import { serverMeta } from "./greeting.ts";
import type { ChangedList, OfferListener } from "./offer-changes.ts";
import { resourceAt } from "./resources.ts";

/** The most resources of one subscription. */
const maxResources = 200;

/** The field of a filter that asks for changes of each list. */
const fields = {
  tools: "toolsListChanged",
  prompts: "promptsListChanged",
  resources: "resourcesListChanged",
} as const satisfies Record<ChangedList, string>;

/** The changes that a client asks for. */
interface Filter {
  lists: ReadonlySet<ChangedList>;
  resources: readonly string[];
}

/** Serves `subscriptions/listen` of the modern era: a stream of the changes that a client asks for. */
export class Subscriptions {
  readonly #options: EndpointOptions;

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** Answers with a stream. Throws AppError if the user has too many of them. */
  async serve(incoming: EndpointRequest, { id, params = {} }: RpcRequest): Promise<Response> {
    const { principal, project } = incoming;
    const filter = filterIn(params["notifications"]);
    if (!filter)
      return refused(id, new RpcError(rpcCodes.invalidParams, "notifications is not a valid filter"), 200);
    const { streams, quotas, services, changes } = this.#options;
    quotas.reserve(services.snapshot(), principal, "streams", streams.endlessOf(principal.userId))();
    const subscription = new Subscription(id, principal, filter.lists, serverMeta(project));
    const { stream } = subscription;
    const { tap } = incoming;
    if (tap) stream.tap = (message) => tap.sent(message);
    const removeStream = streams.add(
      principal,
      () => {
        incoming.onLastBytes();
        subscription.onEnd();
      },
      true,
    );
    const removeListener = changes.add(project, subscription);
    stream.onEnd = () => {
      removeStream();
      removeListener();
      for (const end of [...subscription.subscriptions.values()]) end();
    };
    await this.#follow(incoming, subscription, filter.resources, params);
    subscription.acknowledge();
    return stream.response();
  }

  /** Follows those resources that exist and whose servers can tell changes. */
  async #follow(
    { principal, project }: EndpointRequest,
    subscription: Subscription,
    uris: readonly string[],
    params: JsonObject,
  ): Promise<void> {
    const { snapshot, watches, calls } = this.#options.services;
    const meta = isObject(params["_meta"]) ? params["_meta"] : {};
    const capabilities = meta[metaKeys.clientCapabilities];
    const caller = {
      principal,
      session: principal.sessionId ?? principal.id,
      capabilities: isObject(capabilities) ? capabilities : {},
    };
    const offer = offerOf(snapshot(), project);
    await Promise.allSettled(
      uris.map(async (uri) => {
        const found = resourceAt(offer, uri);
        if (!found) return;
        // It may reach the server, and so counts as a call (T302).
        calls.admit(principal);
        await watches.follow(subscription, uri, found, { caller });
      }),
    );
  }
}

/** One stream of changes. Each of its messages has the id of the request that opened it. */
class Subscription implements OfferListener, ResourceSubscriber {
  readonly stream: ClientStream = new ClientStream();
  readonly principal: Principal;
  readonly subscriptions = new Map<string, () => void>();
  readonly #id: RpcId;
  readonly #lists: ReadonlySet<ChangedList>;
  readonly #serverMeta: JsonObject;

  constructor(id: RpcId, principal: Principal, lists: ReadonlySet<ChangedList>, meta: JsonObject) {
    this.#id = id;
    this.principal = principal;
    this.#lists = lists;
    this.#serverMeta = meta;
  }

  /** Tells the client what it will be told. Without anything to tell the stream ends. */
  acknowledge(): void {
    const resources = [...this.subscriptions.keys()];
    const notifications = {
      ...Object.fromEntries([...this.#lists].map((list) => [fields[list], true])),
      ...(resources.length > 0 && { resourceSubscriptions: resources }),
    };
    this.#send("notifications/subscriptions/acknowledged", { notifications });
    if (Object.keys(notifications).length === 0) this.onEnd();
  }

  onChange(lists: ReadonlySet<ChangedList>): void {
    for (const list of lists) if (this.#lists.has(list)) this.#send(`notifications/${list}/list_changed`, {});
  }

  onResourceUpdated(uri: string): void {
    this.#send("notifications/resources/updated", { uri });
  }

  /** Ends the stream in order: with the result of the request. */
  onEnd(): void {
    const _meta = { [otherMetaKeys.subscriptionId]: this.#id, ...this.#serverMeta };
    const result = { resultType: "complete", _meta };
    this.stream.send(JSON.stringify({ jsonrpc: "2.0", id: this.#id, result }));
    this.stream.end();
  }

  #send(method: string, params: JsonObject): void {
    const tagged = { ...params, _meta: { [otherMetaKeys.subscriptionId]: this.#id } };
    this.stream.offer(JSON.stringify({ jsonrpc: "2.0", method, params: tagged }));
  }
}

function filterIn(value: unknown): Filter | undefined {
  if (!isObject(value)) return undefined;
  const { resourceSubscriptions = [] } = value;
  for (const field of Object.values(fields))
    if (value[field] !== undefined && typeof value[field] !== "boolean") return undefined;
  const isList =
    Array.isArray(resourceSubscriptions) &&
    resourceSubscriptions.length <= maxResources &&
    resourceSubscriptions.every((uri) => typeof uri === "string");
  if (!isList) return undefined;
  const wanted = (Object.keys(fields) as ChangedList[]).filter((list) => value[fields[list]] === true);
  return { lists: new Set(wanted), resources: [...new Set(resourceSubscriptions as string[])] };
}
