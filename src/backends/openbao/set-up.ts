import { AppError } from "../../errors.ts";
import { type BaoAnswer, type BaoRequest, createBao } from "./http.ts";
import { checkMount } from "./mount.ts";
import { type Backend, policyLine, policyLines } from "./paths.ts";
import { refusal } from "./refusals.ts";
import { createdIn, creationBy, proveToken, revokeToken } from "./rotation.ts";
import { lookUpSelf } from "./token.ts";

export interface SetUpOptions extends Backend {
  /** Used here and forgotten: it is in no message, and nothing is kept of it. */
  adminToken: string;
  now?(): number;
  random?(): number;
  pause?(ms: number): Promise<void>;
}

export interface SetUp {
  /** Periodic and orphan, with the one policy; mcpctl's own from now on. */
  token: string;
  /** Names of what was written. */
  policy: string;
  role: string;
}

/** Each renewal gives the token this much more time. Seconds. */
const period = 30 * 24 * 60 * 60;

/**
 * Prepares an OpenBao for a backend: a policy that reaches the backend's folder and no further, a token role that
 * gives out tokens with it, and the first token, which is proved to work. Doing it again is fine.
 *
 * @throws AppError `invalid_request` when the admin token is not good enough; the message says for which step
 */
export async function setUpOpenBao(options: SetUpOptions): Promise<SetUp> {
  const { name, config, pause = Bun.sleep } = options;
  const backend: Backend = { name, config };
  const adminToken = options.adminToken.trim();
  if (!/^[\x21-\x7e]+$/.test(adminToken)) throw refused(name, "the admin token is not one");
  const bao = createBao(options);
  const policy = `mcpctl-${name}`;
  const role = policy;

  /** One step with the admin token, and the capabilities that it takes. */
  async function step(what: string, capabilities: string[], request: BaoRequest): Promise<BaoAnswer> {
    const answer = await bao.request({ ...request, token: adminToken });
    if (answer.status === 403) {
      const line = policyLine({ path: request.path, capabilities });
      throw refused(name, `the admin token may not ${what}`, `it needs: ${line}`);
    }
    const missing = answer.status === 404 && request.method === "GET";
    if (!missing && answer.status !== 200 && answer.status !== 204) throw refusal(backend, request, answer);
    return answer;
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
    // Another server's backend of this name may live by it, with another folder.
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
    const creation = creationBy(role, { no_default_policy: true });
    const created = await step("make a token by the token role", ["update"], creation);
    const { token, policies } = createdIn(name, created);
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

/** The text of the policy in an answer; undefined when there is none. */
function policyIn(body: BaoAnswer["body"]): unknown {
  return (body["data"] as { policy?: unknown } | undefined)?.policy;
}

function refused(name: string, text: string, hint?: string): AppError {
  return new AppError("invalid_request", `secret backend "${name}": ${text}`, hint ? { hint } : {});
}
