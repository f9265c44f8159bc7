import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { describeError } from "../core/describe-error.ts";
import { withoutName } from "./backends.ts";
import type { SecretServices } from "./open.ts";
import type { RotateOptions } from "./rotate-token.ts";
import { rotationTimer } from "./rotation-timer.ts";

export type UpkeepOptions = SecretServices & RotateOptions & { requestId(): string; log: Log };

export interface SecretUpkeep {
  /** Does all that is to be done, or joins the run that is under way. Never throws. */
  run(): Promise<void>;
  /** Resolves when no run is under way. */
  settled(): Promise<void>;
}

/**
 * What is to be done about secrets now and then: deleting what interrupted writes left behind, replacing tokens, and
 * asking backends how they are. It may take as long as somebody else's server does; while it does, calls begin nothing
 * new. What goes wrong is logged when it begins and when it is over.
 */
export function secretUpkeep(options: UpkeepOptions): SecretUpkeep {
  const { catalogue, backends, secretWrites, log } = options;
  const says = teller(log);
  const rotateTokens = rotationTimer(
    {
      ...options,
      onFailure: (backend, error) =>
        log.warn(`secret backend "${backend}": its token could not be replaced: ${words(backend, error)}`),
    },
    Math.random,
  );

  async function work(): Promise<void> {
    const left = new Map((await secretWrites.sweep()).map(({ backend, error }) => [backend, error]));
    await rotateTokens();
    await backends.checkAll();
    const { snapshot } = catalogue;
    for (const { id, name } of snapshot.table("secretbackend").sorted) {
      const health = snapshot.moving.health.get(id);
      if (health?.status === "error") says(name, health.reason ?? "it cannot be used");
      else if (left.has(name)) says(name, `leftovers could not be deleted: ${words(name, left.get(name))}`);
      else says(name, undefined);
    }
  }

  let underWay: Promise<void> | undefined;
  return {
    run() {
      underWay ??= work()
        .catch((error) => log.error(describeError(error)))
        .finally(() => {
          underWay = undefined;
        });
      return underWay;
    },
    settled: async () => underWay,
  };
}

/** Logs what is wrong with each backend once, until it is something else or nothing any more. */
function teller(log: Log): (backend: string, trouble: string | undefined) => void {
  const known = new Map<string, string>();
  return (backend, trouble) => {
    if (known.get(backend) === trouble) return;
    if (trouble === undefined) {
      known.delete(backend);
      log.info(`secret backend "${backend}" is well again`);
    } else {
      known.set(backend, trouble);
      log.warn(`secret backend "${backend}": ${trouble}`);
    }
  };
}

function words(backend: string, error: unknown): string {
  return error instanceof AppError ? withoutName(backend, error.message) : describeError(error);
}
