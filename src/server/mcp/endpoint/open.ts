import { randomBytes } from "node:crypto";
import { promptRequest } from "../../../kinds/prompt-request.ts";
import type { Principal } from "../../core/access/policy.ts";
import { isStillValid } from "../../core/access/principals.ts";
import type { Quotas } from "../../core/access/quotas.ts";
import type { BodyBudget } from "../../core/body-budget.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { Resources } from "../../core/catalogue/resources.ts";
import type { Deadlines } from "../../core/deadlines.ts";
import type { OpenStreams } from "../../core/open-streams.ts";
import type { AskPersona } from "../../inference/personas/tools/ask-persona.ts";
import type { Audit } from "../../observability/audit.ts";
import type { Metrics } from "../../observability/metrics.ts";
import type { OpenContent } from "../content/open-content.ts";
import type { PartLookup } from "../content/part-reader.ts";
import { Gate } from "../gate/gate.ts";
import type { GateCallServices } from "../gate/gate-calls.ts";
import { LinkReader } from "../gate/links.ts";
import type { AskProjectLlm } from "../project-llm.ts";
import type { McpServers } from "../types.ts";
import { AgentCalls } from "./agent-calls.ts";
import { McpCalls } from "./calls.ts";
import { McpEndpoint } from "./endpoint.ts";
import type { ClientNodes, EndpointOptions, EndpointServices } from "./endpoint-types.ts";
import type { ClientExchange } from "./exchange.ts";
import { linkedResources } from "./linked-resources.ts";
import { McpMetrics } from "./mcp-metrics.ts";
import { withLabel } from "./node-label.ts";
import { OfferChanges } from "./offer-changes.ts";
import type { ClientSampler } from "./questions.ts";
import { RelayedCalls } from "./relayed-calls.ts";
import { ResourceWatches } from "./resource-watches.ts";
import { Sealer } from "./sealer.ts";

export interface OpenEndpointOptions {
  catalogue: Catalogue;
  /** Writes proposals of models. */
  resources: Resources;
  servers: McpServers;
  audit: Audit;
  metrics: Metrics;
  streams: OpenStreams;
  deadlines: Deadlines;
  /** The memory for large answers. */
  answers: BodyBudget;
  quotas: Quotas;
  sample: ClientSampler;
  askLlm: AskProjectLlm;
  content: Pick<OpenContent, "pipeline" | "kept">;
  /** The results that were cut, of all servers of mcpctl on the database. */
  cache: PartLookup;
  /** The hosts that clients may belong to, where there are several. */
  clients?: ClientNodes;
  askPersona: AskPersona;
  /** Counts a call of a principal, or refuses it. Throws AppError `too_many_requests`. */
  admit(principal: Principal): void;
  /** Returns what sees the messages of a request; undefined if nobody wants to. */
  tap: EndpointOptions["tap"];
  now(): number;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  onError(error: unknown): void;
}

/** The endpoints of all projects, with what has to be swept and closed. */
export interface OpenEndpoint {
  endpoint: McpEndpoint;
  /** The services of methods, for calls that come from within the server. */
  services: EndpointServices;
  /** Ends sessions and calls that nobody uses any more. */
  sweep(): void;
  close(): void;
}

/** Puts the endpoints of projects together. */
export function openEndpoint(options: OpenEndpointOptions): OpenEndpoint {
  const {
    catalogue,
    resources,
    servers,
    audit,
    streams,
    deadlines,
    answers,
    quotas,
    sample,
    admit,
    tap,
    now,
    elapsed,
    onError,
  } = options;
  const metrics = new McpMetrics(options.metrics);
  const { clients } = options;
  const sealer = new Sealer(now, clients);
  const relayed = new RelayedCalls({ servers, sealer, sample, elapsed });
  const changes = new OfferChanges(catalogue);
  const watches = new ResourceWatches(servers);
  const snapshot = () => catalogue.snapshot;
  const { pipeline, kept } = options.content;
  const calls = new McpCalls({ servers: relayed, content: pipeline, audit, metrics, admit, now });
  const agentCalls = new AgentCalls({ admit, ask: options.askPersona, audit, now });
  const links = new LinkReader(snapshot, linkedResources(snapshot, calls));
  const gate = new Gate({ snapshot, ask: options.askLlm, links, elapsed });
  const propose: GateCallServices<ClientExchange>["propose"] = async (use, proposal) => {
    const caller = { principal: use.caller.principal, requestId: use.requestId };
    await resources.create(caller, promptRequest, { ...proposal, project: use.project.name });
  };
  const services = {
    snapshot,
    calls,
    agentCalls,
    parts: options.cache,
    watches,
    sealer,
    gate,
    gateCalls: { gate, snapshot, propose },
  };
  const endpoint = new McpEndpoint({
    services,
    changes,
    servers,
    streams,
    deadlines,
    answers,
    quotas,
    tap,
    ...(clients && { clients }),
    makeId() {
      // 128 bits.
      const id = randomBytes(16).toString("hex");
      return clients ? withLabel(id, clients) : id;
    },
    elapsed,
    onDefect: onError,
  });
  options.metrics.gauge(
    "mcpctl_mcp_sessions",
    "Sessions of MCP clients of legacy revisions",
    () => endpoint.sessions.size,
  );
  metrics.publicNow(({ id }) => catalogue.snapshot.byId.get(id)?.visibility === "public");
  const unsubscribe = catalogue.subscribe((list) => {
    if (list && !list.some(({ kind }) => kind === "server")) return;
    const { snapshot } = catalogue;
    metrics.keepOnly((name) => snapshot.named("server", name)?.visibility === "public");
  });
  return {
    endpoint,
    services,
    sweep() {
      gate.openings.sweep();
      const isValid = (principal: Principal) => isStillValid(catalogue.snapshot, principal, now());
      endpoint.sessions.sweep(isValid);
      relayed.parked.sweep(isValid);
      kept.sweep();
    },
    close() {
      unsubscribe();
      endpoint.close();
      relayed.parked.close();
      watches.close();
      changes.close();
    },
  };
}
