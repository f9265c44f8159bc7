import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { describeError } from "../core/describe-error.ts";
import { withoutName } from "./backends.ts";
import type { SecretServices } from "./open.ts";
import type { RotateOptions } from "./rotate-token.ts";
import { rotationTimer } from "./rotation-timer.ts";

export type SecretUpkeepOptions = SecretServices & RotateOptions & { requestId(): string; log: Log };

export interface SecretUpkeep {
  /** Starts a run, or joins the one that is under way. Never throws. */
  run(): Promise<void>;
  /** Resolves when no run is under way. */
  settled(): Promise<void>;
}

/**
 * Makes the regular work on secrets: it deletes values that interrupted writes left, replaces tokens, and checks
 * backends. A run may take long, because other servers may be slow; only one runs at a time. A problem is logged when it
 * begins and when it is over.
 */
export function secretUpkeep(options: SecretUpkeepOptions): SecretUpkeep {
  const { catalogue, backends, secretWrites, log } = options;
  const report = problemLog(log);
  const rotateTokens = rotationTimer(
    {
      ...options,
      onFailure: (backend, error) =>
        log.warn(
          `secret backend "${backend}": its token could not be replaced: ${messageOf(backend, error)}`,
        ),
    },
    Math.random,
  );

  async function work(): Promise<void> {
    const left = new Map((await secretWrites.sweep()).map(({ backend, error }) => [backend, error]));
    await rotateTokens();
    await backends.checkAll();
    const { snapshot } = catalogue;
    for (const { id, name } of snapshot.table("secretbackend").sorted) {
      const health = snapshot.volatile.health.get(id);
      if (health?.status === "error") report(name, health.reason ?? "it cannot be used");
      else if (left.has(name))
        report(
          name,
          `values that are not needed any more could not be deleted: ${messageOf(name, left.get(name))}`,
        );
      else report(name, undefined);
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

/** Returns a function that logs the problem of a backend once, until it changes or ends. */
function problemLog(log: Log): (backend: string, problem: string | undefined) => void {
  const known = new Map<string, string>();
  return (backend, problem) => {
    if (known.get(backend) === problem) return;
    if (problem === undefined) {
      known.delete(backend);
      log.info(`secret backend "${backend}" is healthy again`);
    } else {
      known.set(backend, problem);
      log.warn(`secret backend "${backend}": ${problem}`);
    }
  };
}

function messageOf(backend: string, error: unknown): string {
  return error instanceof AppError ? withoutName(backend, error.message) : describeError(error);
}
