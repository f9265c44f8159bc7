import { isObject, type RpcId } from "../../../mcp/messages.ts";
import { metaKeys } from "../../../mcp/revisions.ts";
import { tokenIdOf } from "../../core/access/policy.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { clientName, sessionLabel } from "../client-label.ts";
import type { EndpointRequest } from "../endpoint/endpoint-types.ts";
import type { MessageTap } from "../endpoint/message-tap.ts";
import { factsOf, factsOfText, type MessageFacts } from "./message-facts.ts";
import type { NewMessage, ProjectTraffic } from "./project-traffic.ts";

/** The client of an HTTP request. */
type Sender = Pick<NewMessage, "userId" | "tokenId" | "requestId" | "session" | "client">;

/** The client whose messages are recorded. */
export interface TappedClient extends Pick<EndpointRequest, "requestId" | "principal"> {
  /** The id of its session. */
  session?: string;
  /** Its name, where its messages do not tell it. */
  name?: string;
}

/** Records the messages that come and go with one HTTP request. */
export class TrafficTap implements MessageTap {
  readonly #traffic: ProjectTraffic;
  readonly #snapshot: Snapshot;
  readonly #now: () => number;
  readonly #about: Sender;
  readonly #requests = new Map<RpcId | null | undefined, { at: number; facts: MessageFacts }>();
  #hasSent = false;

  constructor(
    traffic: ProjectTraffic,
    { requestId, principal, session, name }: TappedClient,
    snapshot: Snapshot,
    now: () => number,
  ) {
    this.#traffic = traffic;
    this.#snapshot = snapshot;
    this.#now = now;
    this.#about = {
      userId: principal.userId,
      tokenId: tokenIdOf(principal),
      requestId,
      ...(session !== undefined && { session: sessionLabel(session) }),
      ...(name !== undefined && { client: name }),
    };
  }

  /** Records what a client sent: one message, or a batch. */
  received(body: unknown, text: string): void {
    if (!Array.isArray(body)) return this.#received(body, text);
    for (const one of body) this.#received(one, JSON.stringify(one));
  }

  /** Records one message to the client: its JSON. */
  readonly sent = (text: string): void => {
    this.#hasSent = true;
    this.#sent(text, {});
  };

  /** Records the answer in a response, unless it was recorded as it was sent. Returns the response. */
  async through(response: Response): Promise<Response> {
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    if (this.#hasSent || !isJson) return response;
    const session = response.headers.get("mcp-session-id");
    if (session !== null) this.#about.session = sessionLabel(session);
    this.#sent(await response.clone().text(), response.status === 200 ? {} : { status: response.status });
    return response;
  }

  #received(body: unknown, text: string): void {
    const facts = factsOf(body);
    const at = this.#now();
    const client = clientOf(body);
    if (client !== undefined) this.#about.client = client;
    if (facts.type === "request") this.#requests.set(facts.id, { at, facts });
    this.#record({ from: "client", at, ...facts }, text);
  }

  #sent(text: string, more: { status?: number }): void {
    const facts = factsOfText(text);
    const at = this.#now();
    const isAnswer = facts.type === "response" || facts.type === "error";
    const request = isAnswer ? this.#requests.get(facts.id) : undefined;
    const { method, subject } = request?.facts ?? {};
    this.#record(
      {
        from: "server",
        at,
        ...facts,
        ...(method !== undefined && { method }),
        ...(subject !== undefined && { subject }),
        ...(request && { durationMs: at - request.at }),
        ...more,
      },
      text,
    );
  }

  #record(message: Omit<NewMessage, "bytes" | keyof Sender>, text: string): void {
    this.#traffic.record(
      { ...message, bytes: Buffer.byteLength(text), ...this.#about },
      text,
      this.#snapshot,
    );
  }
}

/** Returns the name and version of the client, if the message says it. */
function clientOf(body: unknown): string | undefined {
  const params = isObject(body) ? body["params"] : undefined;
  if (!isObject(params)) return undefined;
  const meta = params["_meta"];
  const info = params["clientInfo"] ?? (isObject(meta) ? meta[metaKeys.clientInfo] : undefined);
  return clientName(info);
}
