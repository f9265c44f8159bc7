import { callerLeft } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { orAborted, type Time } from "../../time.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import { llmSubject, noAgent } from "../workstations/task-failure.ts";
import type { ConnectedLlms, LinkCall, VirtualLlms } from "../workstations/virtual-llms.ts";
import { inferOver } from "./forward-infer.ts";
import type { WorkstationNodes } from "./workstation-nodes.ts";

/**
 * Calls virtual llms, each at the node to which its agent is connected (failure mode 281). The choice among the members
 * of a pool knows of an agent at another node only what this node itself asks of it.
 */
export class ClusteredLlms implements VirtualLlms {
  readonly #own: ConnectedLlms;
  readonly #nodes: WorkstationNodes;
  readonly #elapsed: () => number;
  /** The number of calls under way at other nodes, by the id of the llm. */
  readonly #calls = new Map<string, number>();
  /** The wakes at other nodes for which callers of this one wait, by the id of the llm. */
  readonly #wakes = new Map<string, { startedAt: number; waiting: number }>();

  constructor(own: ConnectedLlms, nodes: WorkstationNodes, { elapsed }: Pick<Time, "elapsed">) {
    this.#own = own;
    this.#nodes = nodes;
    this.#elapsed = elapsed;
  }

  isResident(llm: LlmRow): boolean {
    return this.#own.isResident(llm);
  }

  inFlight(llm: LlmRow): number {
    return this.#own.inFlight(llm) + (this.#calls.get(llm.id) ?? 0);
  }

  wakingFor(llm: LlmRow): number | undefined {
    const wake = this.#wakes.get(llm.id);
    return this.#own.wakingFor(llm) ?? (wake && this.#elapsed() - wake.startedAt);
  }

  /** The node of the agent has one wake for the callers of all nodes. */
  wake(llm: LlmRow, signal: AbortSignal): Promise<void> {
    const woken = this.#nodes.call<void>(llm.id, {
      isHere: () => this.#own.hasAgentOf(llm),
      here: () => this.#own.wake(llm, signal),
      there: async (link) => {
        const wake = this.#wakes.get(llm.id) ?? { startedAt: this.#elapsed(), waiting: 0 };
        this.#wakes.set(llm.id, wake);
        wake.waiting++;
        try {
          await link.request({ is: "wake", llmId: llm.id }, { signal });
        } finally {
          if (--wake.waiting === 0) this.#wakes.delete(llm.id);
        }
      },
      // Its agent has gone with it.
      lost: () => noAgent(llmSubject(llm.name)),
    });
    return orAborted(woken, signal, callerLeft);
  }

  infer(call: LinkCall): Promise<ProviderResponse> {
    const { llm, signal } = call;
    const response = this.#nodes.call(llm.id, {
      isHere: () => this.#own.hasAgentOf(llm),
      here: () => this.#own.infer(call),
      there: (link) => {
        this.#count(llm.id, 1);
        return inferOver(link, call, () => this.#count(llm.id, -1));
      },
      lost: (cause) => new HttpFailure("closed", "the server of mcpctl with the agent went away", { cause }),
    });
    return orAborted(response, signal, () => new HttpFailure("cancelled", "the call was cancelled"));
  }

  #count(llmId: string, change: number): void {
    const count = (this.#calls.get(llmId) ?? 0) + change;
    if (count === 0) this.#calls.delete(llmId);
    else this.#calls.set(llmId, count);
  }
}
