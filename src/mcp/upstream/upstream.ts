import { type EndSignal, nativeSignal } from "../../end-signal.ts";
import { isObject, type JsonObject } from "../messages.ts";
import { type Era, eraOf, legacyRevisions, metaKeys, modernRevisions } from "../revisions.ts";
import { McpFailure, RpcError, rpcCodes } from "../rpc-error.ts";
import { UpstreamListener } from "./upstream-listener.ts";
import type { ExchangeOptions, UpstreamWire } from "./wire.ts";

/** A program as it names itself to others. */
export interface Implementation {
  name: string;
  version: string;
  title?: string;
}

/** The facts that a server tells about itself. */
export interface McpServerFacts {
  revision: string;
  serverInfo: JsonObject;
  capabilities: JsonObject;
  instructions?: string;
}

export interface UpstreamCallOptions extends ExchangeOptions {
  /** The capabilities of the client on whose behalf the call is made; none if left out. */
  capabilities?: JsonObject;
}

/** A server that was greeted and can be called. */
export class Upstream {
  readonly era: Era;
  readonly facts: McpServerFacts;
  readonly #wire: UpstreamWire;
  readonly #client: Implementation;
  /** Undefined for a legacy server, which tells changes unasked. */
  readonly #listener: UpstreamListener | undefined;

  constructor(wire: UpstreamWire, facts: McpServerFacts, client: Implementation) {
    this.#wire = wire;
    this.#client = client;
    this.facts = facts;
    this.era = eraOf(facts.revision);
    if (this.era === "modern")
      this.#listener = new UpstreamListener(
        (method, params, options) => wire.exchange(method, this.#modern(params, {}), options),
        facts.capabilities,
      );
  }

  /** Asks a modern server to tell changes of its lists, for as long as it is connected. */
  listen(): void {
    this.#listener?.start();
  }

  /** True if the server declares a capability such as `tools`. */
  has(capability: string): boolean {
    return this.facts.capabilities[capability] !== undefined;
  }

  /**
   * Calls a method. The result has all fields that the server sent, and `resultType`.
   *
   * @throws RpcError with which the server answered; McpFailure if there is no answer
   */
  async request(method: string, params: JsonObject, options: UpstreamCallOptions): Promise<JsonObject> {
    const { capabilities = {}, ...rest } = options;
    if (this.#listener && Object.hasOwn(subscriptions, method))
      return this.#subscribe(this.#listener, method, params);
    const sent = this.era === "legacy" ? params : this.#modern(params, capabilities);
    const result = await this.#wire.exchange(method, sent, rest);
    return result["resultType"] === undefined ? { ...result, resultType: "complete" } : result;
  }

  /** Sends a notification. @throws McpFailure if it cannot be sent */
  notify(method: string, params?: JsonObject): Promise<void> {
    return this.#wire.notify(method, params);
  }

  /** Takes no further calls, and closes when those under way are over, where each has a connection of its own. */
  retire(): Promise<void> {
    this.#listener?.close();
    return this.#wire.retire?.() ?? this.#wire.close();
  }

  close(): Promise<void> {
    this.#listener?.close();
    return this.#wire.close();
  }

  /** Follows a resource of a modern server, which has no such method, by what the server is asked to tell. */
  #subscribe(listener: UpstreamListener, method: string, { uri }: JsonObject): JsonObject {
    const { resources } = this.facts.capabilities;
    if (!isObject(resources) || resources["subscribe"] !== true)
      throw new RpcError(rpcCodes.methodNotFound, "the server does not tell changes of resources");
    listener[subscriptions[method]!](String(uri));
    return { resultType: "complete" };
  }

  #modern(params: JsonObject, capabilities: JsonObject): JsonObject {
    return modernParams(params, this.facts.revision, this.#client, capabilities);
  }
}

/** The methods of the legacy era that are part of `subscriptions/listen` in the modern one. */
const subscriptions: Readonly<Record<string, "follow" | "unfollow">> = {
  "resources/subscribe": "follow",
  "resources/unsubscribe": "unfollow",
};

export interface GreetingOptions {
  client: Implementation;
  /** The revision that this server spoke before, so that nothing has to be tried. */
  revision?: string | undefined;
  /** Milliseconds to the answer. */
  timeout: number;
  signal?: EndSignal;
}

/** Milliseconds after which a server that does not answer `server/discover` is also greeted as a legacy one. */
const probeTimeout = 5000;

/** The capabilities that a legacy server is told. Each call is answered by its own client, which may refuse. */
const legacyCapabilities = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };

/**
 * Greets a server in the newest revision that it speaks: `server/discover` first, and `initialize` after any answer that
 * is no modern one, and after silence (revision 2026-07-28, "Versioning").
 *
 * @throws McpFailure if the server gives no answer; RpcError if it refuses to be greeted
 */
export async function greet(wire: UpstreamWire, options: GreetingOptions): Promise<Upstream> {
  const { client, revision } = options;
  const isKnown = revision !== undefined && eraOf(revision) === "legacy";
  const facts = isKnown ? await initialize(wire, options) : await probed(wire, options);
  return new Upstream(wire, facts, client);
}

/** Greets a server whose era is not known. After silence the first greeting that it accepts counts: it may start slowly. */
async function probed(wire: UpstreamWire, options: GreetingOptions): Promise<McpServerFacts> {
  const over = new AbortController();
  const signal = nativeSignal(over.signal, ...(options.signal ? [options.signal] : []));
  const discovery = discover(wire, { ...options, signal });
  const silence = Promise.withResolvers<"silence">();
  const timer = setTimeout(silence.resolve, Math.min(options.timeout, probeTimeout), "silence");
  try {
    const early = await Promise.race([discovery, silence.promise]);
    if (early !== "silence") return early ?? (await initialize(wire, options));
    const older = initialize(wire, { ...options, signal });
    const late = discovery.then((facts) => facts ?? older);
    return await Promise.any([older, late]).catch((error: AggregateError) => {
      throw error.errors[0];
    });
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** Asks a server for its facts. Returns undefined if it is not a modern one. */
async function discover(
  wire: UpstreamWire,
  options: GreetingOptions,
  revision: string = modernRevisions[0],
  isAgain = false,
): Promise<McpServerFacts | undefined> {
  const { client, timeout, signal } = options;
  try {
    const params = modernParams({}, revision, client, {});
    const result = await wire.exchange("server/discover", params, { timeout, signal });
    const common = commonRevision(result["supportedVersions"]);
    if (common === undefined) return undefined;
    wire.use(common);
    return factsOf(common, result);
  } catch (error) {
    const other = isAgain ? undefined : commonRevision(supportedIn(error));
    if (other !== undefined) return discover(wire, options, other, true);
    if (error instanceof RpcError) return undefined;
    if (error instanceof McpFailure && isLegacyAnswer(error)) return undefined;
    throw error;
  }
}

/** Returns the newest modern revision of a list. */
function commonRevision(versions: unknown): string | undefined {
  return Array.isArray(versions) ? modernRevisions.find((one) => versions.includes(one)) : undefined;
}

/** Returns the revisions that a server names when it refuses one. */
function supportedIn(error: unknown): unknown {
  const refusal = error instanceof McpFailure ? error.cause : error;
  const { code, data } = isObject(refusal) || refusal instanceof RpcError ? refusal : {};
  return code === rpcCodes.unsupportedVersion && isObject(data) ? data["supported"] : undefined;
}

/** True if a failure of the probe can be that of a server which knows `initialize` only. */
function isLegacyAnswer({ kind, status }: McpFailure): boolean {
  if (kind === "timeout" || kind === "malformed") return true;
  return (
    kind === "refused" &&
    status !== undefined &&
    status >= 400 &&
    status < 500 &&
    ![401, 403, 429].includes(status)
  );
}

async function initialize(
  wire: UpstreamWire,
  { client, timeout, signal }: GreetingOptions,
): Promise<McpServerFacts> {
  const result = await wire.exchange(
    "initialize",
    { protocolVersion: legacyRevisions[0], capabilities: legacyCapabilities, clientInfo: client },
    { timeout, signal },
  );
  const revision = String(result["protocolVersion"]);
  if (!(legacyRevisions as readonly string[]).includes(revision))
    throw new McpFailure(
      "malformed",
      `the server speaks revision ${revision.slice(0, 20)}, which is not known`,
    );
  wire.use(revision);
  await wire.notify("notifications/initialized");
  return factsOf(revision, result);
}

function factsOf(revision: string, result: JsonObject): McpServerFacts {
  const { capabilities, instructions } = result;
  const meta = isObject(result["_meta"]) ? result["_meta"]["io.modelcontextprotocol/serverInfo"] : undefined;
  const serverInfo = result["serverInfo"] ?? meta;
  return {
    revision,
    serverInfo: isObject(serverInfo) ? serverInfo : {},
    capabilities: isObject(capabilities) ? capabilities : {},
    ...(typeof instructions === "string" && {
      instructions: instructions.toWellFormed().replaceAll("\0", "\uFFFD"),
    }),
  };
}

/** Returns the params of a modern request: with the revision, and the client with its capabilities. */
function modernParams(
  params: JsonObject,
  revision: string,
  client: Implementation,
  capabilities: JsonObject,
): JsonObject {
  const meta = isObject(params["_meta"]) ? params["_meta"] : {};
  return {
    ...params,
    _meta: {
      ...meta,
      [metaKeys.protocolVersion]: revision,
      [metaKeys.clientInfo]: client,
      [metaKeys.clientCapabilities]: capabilities,
    },
  };
}
