import type { McpConnection } from "./connection.ts";
import type { Instance } from "./instance.ts";

/** Asks a server that was started again to tell the changes of what is followed. `timeout` is in milliseconds. */
export function followAgain({ followed, log }: Instance, { upstream }: McpConnection, timeout: number): void {
  for (const uri of followed)
    upstream.request("resources/subscribe", { uri }, { timeout }).catch((error: Error) => {
      followed.delete(uri);
      log.line(`a resource is not followed any more: ${error.message}`);
    });
}
