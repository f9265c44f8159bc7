import { RpcError } from "../rpc-error.ts";
import { type GreetingOptions, greet, type Upstream } from "./upstream.ts";
import type { UpstreamWire } from "./wire.ts";

/**
 * Greets a server on a wire, in the revision that it spoke before, or in another one if it has changed. The wire is closed
 * if that fails.
 *
 * @throws McpFailure, RpcError
 */
export async function greeted(wire: UpstreamWire, options: GreetingOptions): Promise<Upstream> {
  try {
    try {
      return await greet(wire, options);
    } catch (error) {
      if (options.revision === undefined || !(error instanceof RpcError)) throw error;
      return await greet(wire, { ...options, revision: undefined });
    }
  } catch (error) {
    await wire.close().catch(() => undefined);
    throw error;
  }
}
