import { type OpenBaoDriver, openBaoDriver } from "../../backends/openbao/driver.ts";
import { plaintextDriver } from "../../backends/plaintext/driver.ts";
import { sealedDriver } from "../../backends/sealed/driver.ts";
import type { Driver } from "../../backends/types.ts";
import { AppError } from "../../errors.ts";
import { credentialOf, type OpenBaoConfig } from "../../kinds/secret-backend-config.ts";
import type { Catalogue, RowChange } from "../core/catalogue/catalogue.ts";
import type { Row } from "../core/store/types.ts";
import type { MasterKey } from "./master-key.ts";
import { tableOf } from "./secret-table.ts";

export interface BackendsOptions {
  catalogue: Catalogue;
  masterKey: MasterKey;
  now(): number;
  /** The value of a secret's key, as it is now. */
  credential(secret: string, key: string): Promise<string>;
  /** Hears of what is not well and stops nothing. */
  onWarning(text: string): void;
}

/** The drivers of the secret backends there are. One is made when it is first needed, and lives as long as its config. */
export class Backends {
  readonly #options: BackendsOptions;
  readonly #open = new Map<string, { config: unknown; driver: Driver }>();
  readonly #unsubscribe: () => void;

  constructor(options: BackendsOptions) {
    this.#options = options;
    this.#unsubscribe = options.catalogue.subscribe((changes) => this.#follow(changes ?? []));
  }

  /** The driver of a backend's row. */
  driver(backend: Row): Driver {
    const known = this.#open.get(backend.id);
    const { config } = backend.spec;
    if (known && Bun.deepEquals(known.config, config)) return known.driver;
    known?.driver.close?.();
    const driver = this.#make(backend);
    this.#open.set(backend.id, { config, driver });
    return driver;
  }

  /** The driver of a backend in OpenBao. Throws AppError `conflict` for one of another type. */
  openBao(backend: Row): OpenBaoDriver {
    if (backend.spec["type"] !== "openbao")
      throw new AppError("conflict", `secret backend "${backend.name}" is not in OpenBao`);
    return this.driver(backend) as OpenBaoDriver;
  }

  /** Asks a backend how it is, and lets everybody know. */
  async check(backend: Row): Promise<void> {
    const { catalogue, now } = this.#options;
    const { status, reason: told } = await this.driver(backend).health();
    const reason = told === undefined ? null : withoutName(backend.name, told);
    const checkedAt = new Date(now()).toISOString();
    catalogue.snapshot.moving.health.set(backend.id, { status, reason, checkedAt });
  }

  async checkAll(): Promise<void> {
    const { sorted } = this.#options.catalogue.snapshot.table("secretbackend");
    await Promise.all(sorted.map((backend) => this.check(backend)));
  }

  close(): void {
    this.#unsubscribe();
    for (const { driver } of this.#open.values()) driver.close?.();
    this.#open.clear();
  }

  #make({ id, name, spec }: Row): Driver {
    const { catalogue, masterKey, now, credential, onWarning } = this.#options;
    const table = tableOf(catalogue.store, id, now);
    switch (spec["type"]) {
      case "plaintext":
        return plaintextDriver(name, table);
      case "sealed":
        return sealedDriver(name, table, () => masterKey.ring);
      default: {
        const config = spec["config"] as OpenBaoConfig;
        const ref = credentialOf(config);
        return openBaoDriver({
          name,
          config,
          credential: async () => (ref ? credential(ref.name, ref.key) : ""),
          onWarning,
        });
      }
    }
  }

  /**
   * A backend that is gone lets go; one whose credential has changed logs in anew. How either was does not matter any
   * more.
   */
  #follow(changes: readonly RowChange[]): void {
    const { health } = this.#options.catalogue.snapshot.moving;
    for (const { kind, before, after } of changes) {
      if (kind === "secretbackend" && before) {
        if (!Bun.deepEquals(before.spec["config"], after?.spec["config"])) health.delete(before.id);
        if (after) continue;
        this.#open.get(before.id)?.driver.close?.();
        this.#open.delete(before.id);
      }
      if (kind !== "secret" || !before || !after) continue;
      for (const [id, { config, driver }] of this.#open) {
        if (credentialOf(config as OpenBaoConfig)?.name !== after.name) continue;
        (driver as OpenBaoDriver).forgetLogin();
        health.delete(id);
      }
    }
  }
}

/** What is wrong with a backend, for where its name stands already. */
export function withoutName(name: string, reason: string): string {
  const beginning = `secret backend "${name}": `;
  return reason.startsWith(beginning) ? reason.slice(beginning.length) : reason;
}
