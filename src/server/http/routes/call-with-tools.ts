import { AppError } from "../../../errors.ts";
import type { Operation } from "../../../wire/dialects/operations.ts";
import { AskChain } from "../../core/ask-chain.ts";
import type { ToolLoop } from "../../inference/personas/tools/tool-loop.ts";
import type { ParsedRequest } from "../../inference/request.ts";
import type { Call } from "../route.ts";
import type { CallServer } from "../server.ts";

/** The header with the tools that a caller allows: names or patterns, separated by commas; none if it is empty. */
export const allowToolsHeader = "x-mcpctl-allow-tools";

/** The most names in it. */
const mostAllowed = 200;

/** A call of a model that may be one of a persona with tools. */
export class CallWithTools {
  /** Makes the answer of the answers of the model; undefined if there are no tools. */
  loop: ToolLoop | undefined;
  readonly #server: CallServer;
  readonly #call: Call;
  readonly #operation: Operation;

  constructor(server: CallServer, call: Call, operation: Operation) {
    this.#server = server;
    this.#call = call;
    this.#operation = operation;
  }

  /** Is called by each call of a model before its last bytes. With tools they are not the last ones of the answer. */
  onLastBytes(): void {
    if (!this.loop) this.#end();
  }

  /** Adds the tools of the persona's project to a request, if there are some. Throws AppError. */
  begin(sent: ParsedRequest): ParsedRequest {
    return sent.persona ? this.#withTools(sent) : sent;
  }

  #withTools(sent: ParsedRequest): ParsedRequest {
    const { principal, requestId, request: httpRequest } = this.#call;
    const { request, loop } = this.#server.toolCalls.begin(
      {
        operation: this.#operation,
        principal,
        requestId,
        httpRequest,
        chain: AskChain.begin(),
        allow: allowedTools(httpRequest.headers),
        onLastBytes: () => this.#end(),
      },
      sent,
    );
    this.loop = loop;
    return request;
  }

  #end(): void {
    this.#server.endQuiet(this.#call.request, this.#call.peer);
  }
}

/** Returns the names and patterns of tools that a caller allows; undefined if it allows all. Throws AppError. */
function allowedTools(headers: Headers): string[] | undefined {
  const names = headers
    .get(allowToolsHeader)
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names && names.length > mostAllowed)
    throw new AppError("invalid_request", `${allowToolsHeader} has more than ${mostAllowed} names`);
  return names;
}
