import type { Gateway } from "./peers.ts";
import { takesConnections } from "./processes.ts";

/** Gateways that run already, and the port of the upstream of each kind that they lead to. */
export interface Beside {
  gateways: readonly Gateway[];
  ports: { unstreamed?: number; streamed?: number };
}

/** The lanes that other gateways take part in, and the upstream of each. */
const upstreams = { throughput: "unstreamed", streams: "streamed" } as const;

/** Reads the options about gateways that run already. Throws an error that says what is wrong with them. */
export async function readBeside(
  { beside, upstream }: { beside: readonly string[]; upstream?: string | undefined },
  lane: string | undefined,
): Promise<Beside> {
  const gateways = beside.map(parseBeside);
  if (upstream === undefined) {
    if (gateways.length === 0) return { gateways, ports: {} };
    throw new Error(
      "--beside needs --upstream PORT: the port of the upstream that the gateway is configured for",
    );
  }
  if (lane !== "throughput" && lane !== "streams")
    throw new Error("--upstream needs a lane, throughput or streams: each has an upstream of its own");
  if (process.platform !== "linux" && gateways.length > 0)
    throw new Error("--beside needs Linux: it finds the processes of a gateway in /proc");
  const port = Number(upstream);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Error(`--upstream ${upstream}: expected a port, 1 to 65535`);
  if (await takesConnections(port))
    throw new Error(`--upstream ${port}: another program listens on this port`);
  return { gateways, ports: { [upstreams[lane]]: port } };
}

/**
 * Reads a gateway that runs already: `NAME=URL,MODEL[,HEADER: VALUE]…`. The URL is the one that clients of OpenAI are given,
 * such as `http://127.0.0.1:8080/v1`. A model and a value may contain commas. Throws an error that says what is wrong.
 */
export function parseBeside(text: string): Gateway {
  const [start = "", ...lines] = text.split(/,(?=[\w-]+: )/);
  const [, name, address, model] = /^([^=]+)=([^,]+),(.+)$/.exec(start) ?? [];
  if (name === undefined || address === undefined || model === undefined)
    throw new Error(`--beside ${text}: expected NAME=URL,MODEL[,HEADER: VALUE]…`);
  const url = URL.parse(address);
  if (url?.protocol !== "http:" || !["127.0.0.1", "localhost"].includes(url.hostname))
    throw new Error(
      `--beside ${text}: expected the URL of a gateway on this machine, http://127.0.0.1:PORT/v1`,
    );
  return {
    name,
    port: Number(url.port || 80),
    path: `${url.pathname.replace(/\/$/, "")}/chat/completions`,
    model,
    headers: Object.fromEntries(lines.map((line) => line.split(/: (.*)/) as [string, string])),
  };
}
