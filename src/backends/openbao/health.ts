import { AppError } from "../../errors.ts";
import type { Health } from "../types.ts";
import { faultOfResponse, permanent, temporary } from "./faults.ts";
import type { Bao } from "./http.ts";
import type { BaoBackend } from "./paths.ts";
import type { TokenFacts } from "./token.ts";

/** Limit for the whole check, in milliseconds. */
const timeout = 5_000;
/** A token that expires sooner than this should be replaced. Seconds. */
const expiresSoon = 7 * 24 * 60 * 60;

export interface HealthOptions extends BaoBackend {
  bao: Bao;
  /** Throws AppError unless values can be read and written. */
  probe(): Promise<void>;
  /** Returns facts about a token that was given by the user; null for a token that a login got. */
  givenToken(): Promise<(TokenFacts & { ends: boolean }) | null>;
}

/** Checks a backend: the server, the login, the engine and the token, in this order. Never throws. */
export async function healthOf(options: HealthOptions): Promise<Health> {
  const { name } = options;
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(temporary(name, "it does not answer within 5 seconds")), timeout);
  });
  try {
    return await Promise.race([examine(options), late]);
  } catch (error) {
    if (error instanceof AppError) return { status: "error", reason: error.message };
    return { status: "error", reason: `secret backend "${name}": it could not be checked` };
  } finally {
    clearTimeout(timer);
  }
}

async function examine(options: HealthOptions): Promise<Health> {
  const { name, bao, probe, givenToken } = options;
  await checkServer(name, bao);
  await probe();
  const token = await givenToken();
  if (!token) return { status: "healthy" };
  const warn = (text: string): Health => ({ status: "warning", reason: `secret backend "${name}": ${text}` });
  if (token.usesLeft > 0)
    return warn(`its token can be used ${token.usesLeft} more times; each request takes one`);
  if (token.ttl > 0 && token.ttl < expiresSoon && (token.ends || !token.renewable))
    return warn(`its token expires${at(token.expiresAt)} and cannot be renewed`);
  return { status: "healthy" };
}

/** Checks the server by `sys/health`, whose status says what is wrong. A standby is as good as an active node. */
async function checkServer(name: string, bao: Bao): Promise<void> {
  const { status, body } = await bao.request({
    method: "GET",
    path: "sys/health",
    query: "standbyok=true&perfstandbyok=true",
    health: true,
    attempts: 1,
  });
  if (typeof body["initialized"] !== "boolean") throw permanent(name, "the server at its url is not OpenBao");
  if (!body["initialized"]) throw permanent(name, "it is not initialised", { hint: "bao operator init" });
  if (body["sealed"] === true) throw temporary(name, "it is sealed", { hint: "bao operator unseal" });
  if (status === 200 || status === 429 || status === 473) return;
  throw (
    faultOfResponse(name, { status, body, text: "" }) ?? permanent(name, `its health has status ${status}`)
  );
}

/** Returns ` at <time>` in our own format, or ` soon` for a text that is not a time. */
function at(time: string | undefined): string {
  const parsed = Date.parse(time ?? "");
  return Number.isNaN(parsed) ? " soon" : ` at ${new Date(parsed).toISOString()}`;
}
