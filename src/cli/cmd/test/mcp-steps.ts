import { didYouMean } from "../../../kinds/names.ts";
import type { JsonObject } from "../../../mcp/messages.ts";
import { RpcError } from "../../../mcp/rpc-error.ts";
import {
  faultOfArguments,
  faultsOfResult,
  faultsOfTools,
  textOfContent,
} from "../../../mcp/tool-contract.ts";
import { HttpWire } from "../../../mcp/upstream/http-wire.ts";
import { readListing, type ServerListing } from "../../../mcp/upstream/listing.ts";
import { greet, type Upstream } from "../../../mcp/upstream/upstream.ts";
import { version } from "../../../version.ts";
import type { ApiClient } from "../../client/client.ts";
import { outboundOf, targetOf } from "../mcp/outbound.ts";
import { countsText, type TestStep, withoutTools } from "./mcp-text.ts";

/** Milliseconds to the greeting and to each page of a list, and to the answer of a call. */
const listTimeout = 30_000;
const callTimeout = 120_000;

/** Everything that a test found. Times are in milliseconds. */
export interface McpTestReport {
  url: string;
  era?: string;
  revision?: string;
  server?: JsonObject;
  tools?: string[];
  prompts?: number;
  resources?: number;
  resourceTemplates?: number;
  call?: { tool: string; isError: boolean; content: unknown; structuredContent?: unknown };
  times: { greeting?: number; lists?: number; call?: number };
  /** Breaches of the contract, a sentence each. */
  faults: string[];
}

/** A test of one MCP server: a connection of its own, and what was found on it. */
export class McpTest {
  readonly report: McpTestReport;
  /** True if there are no tools, or one that was named is missing. */
  lacksTools = false;
  readonly #wire: HttpWire;
  readonly #signal: AbortSignal;
  readonly #onStep: (step: TestStep) => void;

  constructor(client: ApiClient, path: string, signal: AbortSignal, onStep: (step: TestStep) => void) {
    this.report = { url: client.endpoint.url + path, times: {}, faults: [] };
    this.#signal = signal;
    this.#onStep = onStep;
    const target = targetOf(client, path);
    const events = { onNotification: () => undefined, onClose: () => undefined };
    this.#wire = new HttpWire({ url: target, headers: {}, outbound: outboundOf(client, path) }, events);
  }

  /** @throws AppError, McpFailure or RpcError if the server cannot be used at all */
  async run({
    expected,
    call,
  }: {
    expected: string[];
    call?: { tool: string; args: JsonObject };
  }): Promise<void> {
    const upstream = await this.#greet();
    const listing = await this.#list(upstream);
    if (!listing) return;
    const { tools } = listing;
    const listed = new Set(tools.map(({ name }) => name));
    const missing = expected.filter((name) => !listed.has(name));
    this.lacksTools =
      tools.length === 0 || missing.length > 0 || (call !== undefined && !listed.has(call.tool));
    if (missing.length > 0) this.#fail("tools", [`missing: ${missing.join(", ")}`]);
    else if (expected.length > 0) this.#pass("tools", `all ${expected.length} that were expected`);
    const faults = await faultsOfTools(tools);
    if (faults.length > 0) this.#fail("schemas", faults);
    if (call)
      await this.#call(
        upstream,
        call,
        tools.find(({ name }) => name === call.tool),
      );
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  async #greet(): Promise<Upstream> {
    const { report } = this;
    const client = { name: "mcpctl", version: version.version };
    const [upstream, time] = await timed(() =>
      greet(this.#wire, { client, timeout: listTimeout, signal: this.#signal }),
    );
    const { serverInfo, revision } = upstream.facts;
    report.times.greeting = time;
    Object.assign(report, { era: upstream.era, revision, server: serverInfo });
    const name = [serverInfo["name"], serverInfo["version"]].filter((part) => part !== undefined).join(" ");
    this.#pass(
      "greeting",
      `${name || "a server without a name"}, revision ${revision} (${upstream.era}), ${time} ms`,
    );
    return upstream;
  }

  async #list(upstream: Upstream): Promise<ServerListing | undefined> {
    const { report } = this;
    const answer = await timed(() => readListing(upstream, listTimeout, this.#signal)).catch(refusalOf);
    if (answer instanceof RpcError) {
      this.#fail("lists", [`the server refuses to list: ${answer.message} (${answer.code})`]);
      return undefined;
    }
    const [listing, time] = answer;
    const { tools, prompts, resources, resourceTemplates } = listing;
    report.times.lists = time;
    report.tools = tools.map(({ name }) => String(name));
    report.prompts = prompts.length;
    report.resources = resources.length;
    report.resourceTemplates = resourceTemplates.length;
    const counts = {
      tools: tools.length,
      prompts: prompts.length,
      resources: resources.length + resourceTemplates.length,
    };
    this.#pass("lists", `${countsText(counts)}, ${time} ms`);
    this.#pass("tools", tools.length > 0 ? report.tools.join(", ") : withoutTools(counts));
    return listing;
  }

  async #call(
    upstream: Upstream,
    { tool, args }: { tool: string; args: JsonObject },
    definition: JsonObject | undefined,
  ): Promise<void> {
    if (!definition) {
      const near = didYouMean(tool, this.report.tools ?? []);
      return this.#fail("call", [`${tool}: there is no such tool${near === undefined ? "" : `; ${near}`}`]);
    }
    const wrong = await faultOfArguments(definition, args);
    if (wrong !== undefined)
      return this.#fail("call", [`${tool}: the arguments do not match its schema: ${wrong}`]);
    const params = { name: tool, arguments: args };
    const options = { timeout: callTimeout, signal: this.#signal };
    const answer = await timed(() => upstream.request("tools/call", params, options)).catch(refusalOf);
    if (answer instanceof RpcError)
      return this.#fail("call", [`${tool}: the server refuses the call: ${answer.message} (${answer.code})`]);
    const [result, time] = answer;
    const { content = [], structuredContent, isError } = result;
    this.report.times.call = time;
    this.report.call = {
      tool,
      isError: isError === true,
      content,
      ...(structuredContent !== undefined && { structuredContent }),
    };
    const faults = await faultsOfResult(definition, result);
    if (faults.length > 0)
      return this.#fail(
        "call",
        faults.map((fault) => `${tool}: ${fault}`),
      );
    const text = Array.isArray(content) ? textOfContent(content) : "";
    this.#pass("call", `${tool}, ${time} ms: ${text.length > 200 ? `${text.slice(0, 200)}…` : text}`);
  }

  #pass(name: string, detail: string): void {
    this.#onStep({ name, ok: true, detail });
  }

  #fail(name: string, faults: string[]): void {
    this.report.faults.push(...faults);
    for (const detail of faults) this.#onStep({ name, ok: false, detail });
  }
}

/** Returns the error with which a server answered. Rethrows any other. */
function refusalOf(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  throw error;
}

/** Does something and returns its result with the time that it took, in milliseconds. */
async function timed<T>(what: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await what();
  return [result, Math.round(performance.now() - start)];
}
