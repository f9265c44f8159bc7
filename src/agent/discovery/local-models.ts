import { createOutbound } from "../../net/outbound.ts";
import { proxyRule } from "../../proxies.ts";
import { discover, usualPorts } from "./discover.ts";

/** A model of a server on this machine. */
export interface ModelOfMachine {
  type: string;
  model: string;
  url: string;
  /** The program that serves it: `Ollama`. */
  runtime: string;
}

/**
 * Finds the models of the servers on this machine's usual ports. Nothing is started or loaded.
 *
 * @param ports the ports to search
 */
export async function modelsOfMachine(
  env: Readonly<Record<string, string | undefined>>,
  ports: readonly number[] = usualPorts,
): Promise<ModelOfMachine[]> {
  const outbound = createOutbound({ proxyFor: proxyRule(env) });
  try {
    return (await discover(outbound, [], ports)).found.map(({ type, model, url, runtime }) => ({
      type,
      model,
      url,
      runtime,
    }));
  } finally {
    outbound.close();
  }
}
