import { AppError } from "../../errors.ts";
import { type BaoRequest, type BaoResponse, createBao } from "./http.ts";
import { checkMount } from "./mount.ts";
import { type BaoBackend, policyLine, policyLines } from "./paths.ts";
import { refusal } from "./refusals.ts";
import { createdToken, proveToken, revokeToken, tokenCreation } from "./rotation.ts";
import { lookUpSelf } from "./token.ts";

export interface BaoSetUpOptions extends BaoBackend {
  /** Used here and forgotten: no message contains it. */
  adminToken: string;
  now?(): number;
  random?(): number;
  pause?(ms: number): Promise<void>;
}

export interface BaoSetUp {
  /** A periodic orphan token with the one policy. */
  token: string;
  /** The name of the policy that was written. */
  policy: string;
  /** The name of the token role that was written. */
  role: string;
}

/** Time that each renewal gives the token, in seconds. */
const period = 30 * 24 * 60 * 60;

/**
 * Prepares OpenBao for a backend: a policy for the backend's folder alone, a token role that gives out tokens with it,
 * and the first token, which is proved to work. It may be repeated.
 *
 * @throws AppError `invalid_request` if the admin token may not do a step; the message says which
 */
export async function setUpOpenBao(options: BaoSetUpOptions): Promise<BaoSetUp> {
  const { name, config, pause = Bun.sleep } = options;
  const backend: BaoBackend = { name, config };
  const adminToken = options.adminToken.trim();
  if (!/^[\x21-\x7e]+$/.test(adminToken)) throw refused(name, "the admin token is not a token");
  const bao = createBao(options);
  const policy = `mcpctl-${name}`;
  const role = policy;

  /** Sends the request of one step with the admin token. `capabilities` are those that the step needs. */
  async function step(what: string, capabilities: string[], request: BaoRequest): Promise<BaoResponse> {
    const response = await bao.request({ ...request, token: adminToken });
    if (response.status === 403) {
      const line = policyLine({ path: request.path, capabilities });
      throw refused(name, `the admin token may not ${what}`, `it needs: ${line}`);
    }
    const missing = response.status === 404 && request.method === "GET";
    if (!missing && response.status !== 200 && response.status !== 204)
      throw refusal(backend, request, response);
    return response;
  }

  try {
    if (!(await lookUpSelf(bao, backend, adminToken)))
      throw refused(name, "it does not accept the admin token");
    await checkMount(backend, (request) => bao.request({ ...request, token: adminToken }));
    const rules = policyLines(backend, role)
      .map((line) => `${policyLine(line)}\n`)
      .join("");
    const writing = ["create", "update"];
    const path = `sys/policies/acl/${policy}`;
    const reading = await step("read and write policies", ["read", ...writing], { method: "GET", path });
    const there = policyIn(reading.body);
    // It may belong to a backend of this name on another server, with another folder.
    if (there !== undefined && there !== rules)
      throw refused(
        name,
        `there is a policy "${policy}" already that says something else`,
        `give the backend another name, or, if nobody needs it: bao policy delete ${policy}`,
      );
    await step("write the policy", writing, { method: "POST", path, body: { policy: rules } });
    await step("write the token role", writing, {
      method: "POST",
      path: `auth/token/roles/${role}`,
      body: {
        allowed_policies: [policy],
        orphan: true,
        renewable: true,
        token_period: period,
        token_explicit_max_ttl: 0,
        token_num_uses: 0,
        token_no_default_policy: true,
        token_type: "service",
      },
    });
    const creation = tokenCreation(role, { no_default_policy: true });
    const created = await step("make a token by the token role", ["update"], creation);
    const { token, policies } = createdToken(name, created);
    try {
      if (policies.join() !== policy)
        throw refused(name, "the token role gives its tokens more than its policy");
      await proveToken(bao, backend, token, pause);
    } catch (error) {
      await revokeToken(bao, backend, token).catch(() => {});
      throw error;
    }
    return { token, policy, role };
  } finally {
    bao.close();
  }
}

/** Returns the text of the policy in a response; undefined if there is none. */
function policyIn(body: BaoResponse["body"]): unknown {
  return (body["data"] as { policy?: unknown } | undefined)?.policy;
}

function refused(name: string, text: string, hint?: string): AppError {
  return new AppError("invalid_request", `secret backend "${name}": ${text}`, hint ? { hint } : {});
}
