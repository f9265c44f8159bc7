import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { isName } from "../../kinds/names.ts";
import {
  canHoldCredentials,
  completeConfig,
  findBackendType,
  typesWithSetUp,
} from "../../kinds/secret-backends/config.ts";
import type { BackendConfig } from "../../kinds/secret-backends/define.ts";
import { decide, type Principal } from "../core/access/policy.ts";
import type { Caller } from "../core/caller.ts";
import { invalid } from "../core/catalogue/draft.ts";
import { forbidden } from "../core/catalogue/resources.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { moduleOf } from "./backends.ts";
import { type RotateOptions, remember } from "./rotate-token.ts";

/** The request of the wizard. */
export interface WizardRequest {
  name: string;
  /** The type of the backend. Default: the first type that can be set up. */
  type?: string;
  /** Without the field that the set-up fills in. */
  config: Record<string, unknown>;
  description?: string;
  isDefault?: boolean;
  /** Used for as long as this takes, and kept nowhere. */
  adminToken: string;
}

/** The response of the wizard. It has the names of the things that were made in the backend besides. */
export interface WizardResponse {
  backend: Resource;
  /** The secret that holds the credential. */
  secret: string;
}

/** The key of the secret under which the credential is kept. */
const credentialKey = "token";

/**
 * Makes a backend with an admin token: prepares it, puts the credential that it gives out in a secret here, and creates
 * the backend that logs in with it. Run again after an interruption, it makes what is missing.
 *
 * @throws AppError, after which nothing new is here, and no new credential in the backend
 */
export async function setUpBackend(
  request: WizardRequest,
  caller: Caller,
  options: RotateOptions,
): Promise<WizardResponse> {
  const { catalogue, resources, backends } = options;
  const { principal } = caller;
  const { name, adminToken, config: given, description = "", isDefault = false } = request;
  const type = request.type ?? typesWithSetUp()[0]?.name ?? "";
  const { setUp } = findBackendType(type) ?? {};
  const prepare = moduleOf(type)?.setUp;
  if (!setUp || !prepare)
    throw invalid(secretBackends, [{ path: "/type", message: "cannot be set up with an admin token" }]);
  const secret = `${name}-token`;
  mayMake(principal, secret);
  const config = checked(name, secret, type, given, setUp.fills, options);
  if (catalogue.snapshot.named("secretbackend", name))
    throw new AppError("name_taken", `there is a secretbackend "${name}" already`);
  const there = catalogue.snapshot.named("secret", secret);
  if (there && catalogue.snapshot.pointersTo.has(there.id))
    throw new AppError("name_taken", `secret "${secret}" is in use already`);

  const result = await prepare({ name, config, adminToken, proxyFor: backends.proxyFor });
  try {
    const data = { [credentialKey]: result.credential };
    const home = homeOf(catalogue.snapshot);
    // A secret that an interrupted run left holds a credential that nobody uses.
    if (there) await resources.remove(caller, secrets, there.id);
    await resources.create(caller, secrets, { name: secret, data, backend: home });
    const login = { [setUp.fills]: setUp.loginWith({ name: secret, key: credentialKey }) };
    const fields = { type, config: { ...given, ...login }, description, isDefault };
    const { id } = await resources.create(caller, secretBackends, { name, ...fields });
    await remember(
      id,
      () => ({ rotatedAt: new Date(options.now()).toISOString(), failedAt: null, reason: null }),
      caller,
      options,
    );
    const row = catalogue.snapshot.byId.get(id)!;
    await backends.check(row);
    return { ...result.made, backend: resources.present(principal, secretBackends, row), secret };
  } catch (error) {
    // If that fails, it expires by itself.
    await result.revoke().catch(() => {});
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

/** Returns the complete config, checked before the admin token is sent anywhere. Throws AppError with every fault. */
function checked(
  name: string,
  secret: string,
  type: string,
  given: BackendConfig,
  fills: string,
  { backends }: RotateOptions,
): BackendConfig {
  const { [fills]: filled, ...rest } = given;
  const { config, faults } = completeConfig(type, rest);
  if (faults.length === 0) faults.push(...backends.checkConfig(type, config));
  if (filled !== undefined)
    faults.push({ path: `/config/${fills}`, message: "is set by the wizard; leave it out" });
  if (!isName(name) || !isName(secret)) faults.push({ path: "/name", message: "is not a name, or too long" });
  if (faults.length > 0) throw invalid(secretBackends, faults);
  return config;
}

/** Returns the backend that may hold the credential: one that can be read without a login. */
function homeOf(snapshot: Snapshot): string {
  const homes = snapshot.table("secretbackend").sorted.filter(({ spec }) => canHoldCredentials(spec.type));
  const home =
    homes.find(({ spec }) => spec.isDefault) ??
    homes.find(({ spec }) => findBackendType(spec.type)?.usesMasterKey);
  return (home ?? homes[0]!).name;
}
