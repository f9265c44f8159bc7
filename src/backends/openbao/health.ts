import { AppError } from "../../errors.ts";
import type { Health } from "../types.ts";
import { faultOfAnswer, lasting, passing } from "./faults.ts";
import type { Bao } from "./http.ts";
import type { Backend } from "./paths.ts";
import type { TokenFacts } from "./token.ts";

/** Milliseconds that an answer may take. */
const patience = 5_000;
/** A token that ends within a week should be replaced. Seconds. */
const soon = 7 * 24 * 60 * 60;

export interface HealthOptions extends Backend {
  bao: Bao;
  /** Throws AppError unless values can be had. */
  look(): Promise<void>;
  /** What is known of a token that was given and that nothing renews; null of any other. */
  givenToken(): Promise<(TokenFacts & { ends: boolean }) | null>;
}

/** Asks how a backend is doing: the server, the login, the engine and the token, in this order. Never throws. */
export async function healthOf(options: HealthOptions): Promise<Health> {
  const { name } = options;
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(passing(name, "it does not answer within 5 seconds")), patience);
  });
  try {
    return await Promise.race([examine(options), late]);
  } catch (error) {
    if (error instanceof AppError) return { status: "error", reason: error.message };
    return { status: "error", reason: `secret backend "${name}": it could not be asked` };
  } finally {
    clearTimeout(timer);
  }
}

async function examine(options: HealthOptions): Promise<Health> {
  const { name, bao, look, givenToken } = options;
  await checkServer(name, bao);
  await look();
  const token = await givenToken();
  if (!token) return { status: "healthy" };
  const warn = (text: string): Health => ({ status: "warning", reason: `secret backend "${name}": ${text}` });
  if (token.usesLeft > 0)
    return warn(`its token can be used ${token.usesLeft} more times; each request takes one`);
  if (token.ttl > 0 && token.ttl < soon && (token.ends || !token.renewable))
    return warn(`its token expires${at(token.expiresAt)} and cannot be renewed`);
  return { status: "healthy" };
}

/** `sys/health` tells by its status what is the matter; a standby is as good as any. */
async function checkServer(name: string, bao: Bao): Promise<void> {
  const { status, body } = await bao.request({
    method: "GET",
    path: "sys/health",
    query: "standbyok=true&perfstandbyok=true",
    health: true,
    attempts: 1,
  });
  if (typeof body["initialized"] !== "boolean") throw lasting(name, "what answers there is not an OpenBao");
  if (!body["initialized"]) throw lasting(name, "it is not initialised", { hint: "bao operator init" });
  if (body["sealed"] === true) throw passing(name, "it is sealed", { hint: "bao operator unseal" });
  if (status === 200 || status === 429 || status === 473) return;
  throw faultOfAnswer(name, { status, body, text: "" }) ?? lasting(name, `its health has status ${status}`);
}

/** Only what is a time is said after it. */
function at(time: string | undefined): string {
  const parsed = Date.parse(time ?? "");
  return Number.isNaN(parsed) ? " soon" : ` at ${new Date(parsed).toISOString()}`;
}
