import type { JsonObject } from "../../mcp/messages.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { isVirtual, type LlmRow } from "../core/store/typed-rows.ts";
import type { ConnectedLlms } from "../workstations/virtual-llms.ts";
import { sendResponse, wholeText } from "./forward-infer.ts";
import { HostedWork } from "./hosted-work.ts";
import type { HostedExchange } from "./link-host.ts";
import { type InferFields, InstanceMoved } from "./link-messages.ts";

/** The llms of workstations whose agents are connected to this node, as other nodes call them. */
export class HostedLlms {
  readonly work = new HostedWork();
  readonly #catalogue: Catalogue;
  readonly #llms: ConnectedLlms;

  constructor(catalogue: Catalogue, llms: ConnectedLlms) {
    this.#catalogue = catalogue;
    this.#llms = llms;
  }

  /** True if the agent of an llm is connected here. */
  reaches(llmId: string): boolean {
    return !this.work.isDraining && this.#find(llmId) !== undefined;
  }

  /**
   * Makes a call of another node, whose response goes there as events.
   *
   * @throws InstanceMoved if the agent is not connected here; the error of the call
   */
  infer(forwarded: InferFields, exchange: HostedExchange): Promise<JsonObject> {
    return this.work.run(async () => {
      this.#connected(forwarded.llmId);
      const text = await wholeText(forwarded, exchange);
      // The agent may have gone meanwhile.
      const llm = this.#connected(forwarded.llmId);
      const { operation, streaming, timeouts, hops } = forwarded;
      const { signal } = exchange;
      const response = await this.#llms.infer({ llm, operation, text, streaming, timeouts, hops, signal });
      try {
        await sendResponse(response, exchange);
      } finally {
        response.cancel();
      }
      return {};
    });
  }

  /** Wakes an llm for a caller of another node. @throws InstanceMoved if the agent is not connected here; as `VirtualLlms.wake` */
  wake(llmId: string, { signal }: HostedExchange): Promise<JsonObject> {
    return this.work.run(async () => {
      const llm = this.#connected(llmId);
      // The other node may not have read yet that it is awake, or this one that it hibernates.
      if (llm.status.status !== "active") await this.#llms.wake(llm, signal);
      return {};
    });
  }

  #connected(llmId: string): LlmRow {
    const llm = this.#find(llmId);
    if (!llm) throw new InstanceMoved();
    return llm;
  }

  #find(llmId: string): LlmRow | undefined {
    const row = this.#catalogue.snapshot.byId.get(llmId);
    if (row?.kind !== "llm" || !isVirtual(row)) return undefined;
    return this.#llms.hasAgentOf(row as LlmRow) ? (row as LlmRow) : undefined;
  }
}
