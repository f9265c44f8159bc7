import { AppError } from "../../../errors.ts";
import { systemReason } from "../../../system-errors.ts";
import { textOf } from "../../client/answer-text.ts";
import type { ApiClient } from "../../client/client.ts";

/** Milliseconds within which a server tells if it is ready. */
const timeout = 10_000;
/** A server names few reasons; a proxy may answer with a page. */
const mostBytes = 4096;

/** The way to the server, as far as it goes. */
export interface Reach {
  reachable: boolean;
  /** The reason why it cannot be reached, or is not ready. */
  reason: string | null;
  /** Milliseconds until it answered. */
  milliseconds: number | null;
  /** The failure, if nothing answered. */
  error?: AppError;
}

/** Asks a server if it is ready, which needs no login. Throws AppError `interrupted`. */
export async function reachOf(client: ApiClient): Promise<Reach> {
  const started = performance.now();
  try {
    const signal = client.within(timeout);
    const response = await client.probe("GET", "/readyz", { signal, bearer: false });
    const milliseconds = Math.round(performance.now() - started);
    const text = (await textOf(response, mostBytes)) ?? "";
    const reason = response.ok ? null : reasonOf(response, text);
    return { reachable: true, reason, milliseconds };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted") throw error;
    const { text, code } = systemReason(error) ?? {};
    const reason = text === undefined ? error.message : `${text} (${code})`;
    return { reachable: false, reason, milliseconds: null, error };
  }
}

function reasonOf({ status, headers }: Response, text: string): string {
  const isOurs = status === 503 && headers.get("content-type")?.startsWith("text/plain");
  return isOurs ? text.trim().split("\n").join("; ") : `something on the way answers with status ${status}`;
}
