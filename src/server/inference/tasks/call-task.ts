import type { Operation } from "../../../wire/dialects/operations.ts";
import { parseCall } from "../../../wire/parse-call.ts";
import type { Principal } from "../../core/access/policy.ts";
import { AskChain } from "../../core/ask-chain.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { Inference } from "../inference.ts";
import { findPersona, personaInModel } from "../personas/persona.ts";
import { toPersona } from "../personas/to-persona.ts";
import type { ToolCalls } from "../personas/tools/tool-calls.ts";
import type { ToolLoop } from "../personas/tools/tool-loop.ts";

/** The call of one task. */
export interface TaskCall {
  operation: Operation;
  /** The body of the request, as JSON. */
  text: string;
  principal: Principal;
  requestId: string;
  signal: AbortSignal;
}

/** Makes the call of a task as if its maker made it: with the same rights, limits, prices and log. Throws AppError. */
export type CallTask = (call: TaskCall) => Promise<Response>;

export interface CallTaskDeps {
  catalogue: Catalogue;
  inference: Pick<Inference, "call">;
  toolCalls(): ToolCalls;
}

/** Returns a function that makes the calls of tasks. */
export function callTaskWith({ catalogue, inference, toolCalls }: CallTaskDeps): CallTask {
  return async ({ operation, text, principal, requestId, signal }) => {
    const httpRequest = new Request("http://localhost/", { method: "POST", signal });
    const call = { operation, principal, requestId, httpRequest, onLastBytes() {} };
    let loop: ToolLoop | undefined;
    const first = await inference.call({
      ...call,
      read: async (record) => {
        const parsed = await parseCall(text, operation);
        const name = personaInModel(parsed.body["model"]);
        if (name === undefined) return parsed;
        record.asks(String(parsed.body["model"]));
        const { snapshot } = catalogue;
        const sent = await toPersona(parsed, operation, findPersona(snapshot, principal, name), snapshot);
        const begun = toolCalls().begin({ ...call, chain: AskChain.begin(), allow: undefined }, sent);
        loop = begun.loop;
        return begun.request;
      },
    });
    return loop ? loop.run(first) : first;
  };
}
