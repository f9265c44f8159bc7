import { backendModules } from "../../backends/index.ts";
import type { BackendModule, Driver, Health } from "../../backends/types.ts";
import { AppError, type Fault } from "../../errors.ts";
import { secretBackend } from "../../kinds/secret-backend.ts";
import { credentialOf, unknownType } from "../../kinds/secret-backends/config.ts";
import type { ProxyRule } from "../../proxies.ts";
import { eachInTurns } from "../../wire/next-turn.ts";
import type { Catalogue, RowChange } from "../core/catalogue/catalogue.ts";
import { type SecretBackendRow, specOf } from "../core/store/typed-rows.ts";
import type { Row } from "../core/store/types.ts";
import type { MasterKeys } from "./master-key.ts";
import { tableOf } from "./secret-table.ts";

export interface BackendsOptions {
  catalogue: Catalogue;
  masterKey: Pick<MasterKeys, "ring">;
  /** True if a URL leads to this server itself. */
  isSelf(url: URL): boolean;
  /** The proxy of each URL that a backend calls. */
  proxyFor?: ProxyRule | undefined;
  now(): number;
  /** Reads the value of a secret's key, as it is now. */
  credential(secret: string, key: string): Promise<string>;
  /** Receives problems that stop nothing. */
  onWarning(text: string): void;
}

type Spec = SecretBackendRow["spec"];

/** The drivers of all secret backends. A driver is made when it is first needed, and lives until its config changes. */
export class Backends {
  readonly #options: BackendsOptions;
  readonly #open = new Map<string, { spec: Spec; driver: Driver }>();
  readonly #unsubscribe: () => void;

  constructor(options: BackendsOptions) {
    this.#options = options;
    this.#unsubscribe = options.catalogue.subscribe((changes) => this.#follow(changes ?? []));
  }

  /** Returns the driver of a backend's row. Throws AppError `secret_unavailable` for a type that is not known. */
  driver(backend: Row): Driver {
    const { id, name } = backend;
    const spec = specOf(secretBackend, backend);
    const known = this.#open.get(id);
    if (known && Bun.deepEquals(known.spec.config, spec.config)) return known.driver;
    known?.driver.close?.();
    const driver = this.#make(id, name, spec);
    this.#open.set(id, { spec, driver });
    return driver;
  }

  /** Completes a config in place and returns the faults that only the server can find. */
  checkConfig(type: string, config: Record<string, unknown>): Fault[] {
    const { masterKey, isSelf } = this.#options;
    const server = { hasMasterKey: masterKey.ring !== undefined, isSelf };
    return moduleOf(type)?.checkConfig?.(config, server) ?? [];
  }

  /** The proxy of each URL that a backend calls. */
  get proxyFor(): ProxyRule | undefined {
    return this.#options.proxyFor;
  }

  /** Checks a backend, and keeps the result in the snapshot for everybody to see. */
  async check(backend: Row): Promise<void> {
    const { catalogue, now } = this.#options;
    const { status, reason: message } = await this.#healthOf(backend);
    const reason = message === undefined ? null : withoutName(backend.name, message);
    const checkedAt = new Date(now()).toISOString();
    catalogue.snapshot.volatile.health.set(backend.id, { status, reason, checkedAt });
  }

  /** Checks every backend. Very many are begun in several turns of the event loop (T329). */
  async checkAll(): Promise<void> {
    const { sorted } = this.#options.catalogue.snapshot.table("secretbackend");
    const checks: Promise<void>[] = [];
    const failures: unknown[] = [];
    await eachInTurns(sorted, (backend) => {
      checks.push(this.check(backend).catch((error) => void failures.push(error)));
    });
    await Promise.all(checks);
    if (failures.length > 0) throw failures[0];
  }

  close(): void {
    this.#unsubscribe();
    for (const { driver } of this.#open.values()) driver.close?.();
    this.#open.clear();
  }

  async #healthOf(backend: Row): Promise<Health> {
    try {
      return await this.driver(backend).health();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { status: "error", reason: error.message };
    }
  }

  #make(id: string, name: string, spec: Spec): Driver {
    const { type, config } = spec;
    const module = moduleOf(type);
    if (!module)
      throw new AppError("secret_unavailable", `secret backend "${name}": ${unknownType(type)}`, {
        hint: "start the version of mcpctl that made it, or move its secrets to another backend there",
      });
    const { catalogue, masterKey, now, credential, onWarning, proxyFor } = this.#options;
    const ref = credentialOf(spec);
    return module.make({
      name,
      config,
      table: tableOf(catalogue.store, id, now),
      masterKeys: () => masterKey.ring,
      credential: async () => (ref ? credential(ref.name, ref.key) : ""),
      onWarning,
      proxyFor,
    });
  }

  /**
   * Follows changes: the driver of a deleted backend is closed, and one whose credential has changed logs in again. The
   * health of either is forgotten.
   */
  #follow(changes: readonly RowChange[]): void {
    const { health } = this.#options.catalogue.snapshot.volatile;
    for (const { kind, before, after } of changes) {
      if (kind === "secretbackend" && before) {
        const isSame = after && Bun.deepEquals(configOf(before), configOf(after));
        if (!isSame) health.delete(before.id);
        if (after) continue;
        this.#open.get(before.id)?.driver.close?.();
        this.#open.delete(before.id);
      }
      if (kind !== "secret" || !before || !after) continue;
      for (const [id, { spec, driver }] of this.#open) {
        if (credentialOf(spec)?.name !== after.name) continue;
        driver.login?.forget();
        health.delete(id);
      }
    }
  }
}

/** Finds the code of a type of secret backend; undefined for a type that this version does not have. */
export function moduleOf(type: string): BackendModule | undefined {
  const modules: Readonly<Record<string, BackendModule>> = backendModules;
  return Object.hasOwn(modules, type) ? modules[type] : undefined;
}

/** Returns the message of a fault without the name of its backend, for places that show the name already. */
export function withoutName(name: string, reason: string): string {
  const beginning = `secret backend "${name}": `;
  return reason.startsWith(beginning) ? reason.slice(beginning.length) : reason;
}

function configOf(backend: Row): object {
  return specOf(secretBackend, backend).config;
}
