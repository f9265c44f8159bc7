import { openBaoDriver } from "../../backends/openbao/driver.ts";
import { setUpOpenBao } from "../../backends/openbao/set-up.ts";
import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { isName } from "../../kinds/names.ts";
import { completeConfig, type OpenBaoConfig } from "../../kinds/secret-backend-config.ts";
import { decide, type Principal } from "../core/access/policy.ts";
import { invalid } from "../core/catalogue/draft.ts";
import { urlFaults } from "../core/catalogue/hooks/secret-backend.ts";
import { type Caller, forbidden } from "../core/catalogue/resources.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { type RotateOptions, remember } from "./rotate-token.ts";

/** What it takes to begin. */
export interface Wish {
  name: string;
  /** Without `auth`: that is what the wizard finds out. */
  config: Record<string, unknown>;
  description?: string;
  isDefault?: boolean;
  /** Used for as long as this takes, and kept nowhere. */
  adminToken: string;
}

/** What was made. */
export interface SetUp {
  backend: Resource;
  /** In OpenBao. */
  policy: string;
  role: string;
  /** The secret that the token is in. */
  secret: string;
}

export interface WizardOptions extends RotateOptions {
  /** Whether a URL leads to this server itself. */
  isSelf(url: URL): boolean;
}

/** Under which key of its secret a token is kept. */
const tokenKey = "token";

/**
 * Makes a backend in OpenBao from an admin token: a policy and a token role there, a token of that role in a secret
 * here, and the backend that logs in with it. Run again after an interruption, it makes what is missing.
 *
 * @throws AppError, after which nothing new is here, and in OpenBao at most the policy and the role
 */
export async function setUpBackend(wish: Wish, caller: Caller, options: WizardOptions): Promise<SetUp> {
  const { catalogue, resources, backends } = options;
  const { principal } = caller;
  const { name, adminToken, config: given, description = "", isDefault = false } = wish;
  const secret = `${name}-token`;
  mayMake(principal, secret);
  const config = checked(wish, secret, options);
  if (catalogue.snapshot.named("secretbackend", name))
    throw new AppError("name_taken", `there is a secretbackend "${name}" already`);
  const there = catalogue.snapshot.named("secret", secret);
  if (there && catalogue.snapshot.pointersTo.has(there.id))
    throw new AppError("name_taken", `secret "${secret}" is in use already`);

  const { token, policy, role } = await setUpOpenBao({ name, config, adminToken });
  try {
    const data = { [tokenKey]: token };
    const home = homeOf(catalogue.snapshot);
    // One that an interrupted run has left holds a token that nobody uses.
    if (there) await resources.remove(caller, secrets, there.id);
    await resources.create(caller, secrets, { name: secret, data, backend: home });
    const auth = { method: "token", tokenSecretRef: { name: secret, key: tokenKey } };
    const fields = { type: "openbao", config: { ...given, auth }, description, isDefault };
    const { id } = await resources.create(caller, secretBackends, { name, ...fields });
    await remember(
      id,
      { rotatedAt: new Date(options.now()).toISOString(), failedAt: null, reason: null },
      caller,
      options,
    );
    const row = catalogue.snapshot.byId.get(id)!;
    await backends.check(row);
    return { backend: resources.present(principal, secretBackends, row), policy, role, secret };
  } catch (error) {
    await revoked(name, config, token);
    if (catalogue.snapshot.named("secret", secret) && !catalogue.snapshot.named("secretbackend", name))
      await resources.remove(caller, secrets, secret).catch(() => {});
    throw error;
  }
}

const secretBackends = kindOf("secretbackend");
const secrets = kindOf("secret");

function mayMake(principal: Principal, secret: string): void {
  for (const kind of [secretBackends, secrets])
    if (decide(principal, "create", kind.plural) !== "allow") throw forbidden("create", kind);
  if (decide(principal, "expose", secrets.plural, secret) === "forbidden")
    throw forbidden("expose", secrets, secret);
}

/** The config, once it is sure where the admin token would go. */
function checked({ name, config: given }: Wish, secret: string, { isSelf }: WizardOptions): OpenBaoConfig {
  const { auth, ...rest } = given;
  const { config, faults } = completeConfig("openbao", rest);
  if (faults.length === 0) faults.push(...urlFaults(config, isSelf));
  if (auth !== undefined)
    faults.push({ path: "/config/auth", message: "is what the wizard finds out; leave it out" });
  if (!isName(name) || !isName(secret)) faults.push({ path: "/name", message: "is not a name, or too long" });
  if (faults.length > 0) throw invalid(secretBackends, faults);
  return config as OpenBaoConfig;
}

/** A token that is not kept must not live on. Where that fails, it ends by itself. */
async function revoked(name: string, config: OpenBaoConfig, token: string): Promise<void> {
  const driver = openBaoDriver({ name, config, credential: async () => token });
  await driver.revoke(token).catch(() => {});
  driver.close?.();
}

/** Where the token may be kept: not in OpenBao, which it is needed for. */
function homeOf(snapshot: Snapshot): string {
  const homes = snapshot.table("secretbackend").sorted.filter(({ spec }) => spec["type"] !== "openbao");
  const home =
    homes.find(({ spec }) => spec["isDefault"]) ?? homes.find(({ spec }) => spec["type"] === "sealed");
  return (home ?? homes[0]!).name;
}
