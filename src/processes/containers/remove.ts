import { AppError } from "../../errors.ts";
import { tryCommand } from "../try-command.ts";

/** A container that runs, and the path of the engine's program. */
export interface ContainerHandle {
  engine: string;
  name: string;
}

/** True for a handle in a record, which is data of a file. */
export function isContainerHandle(value: unknown): value is ContainerHandle {
  const { engine, name } = Object(value) as Record<string, unknown>;
  return typeof engine === "string" && engine.startsWith("/") && /^mcpctl-[\w-]+$/.test(String(name));
}

/**
 * Ends and removes a container. One that is gone already is no fault.
 *
 * @throws AppError `unavailable` when it is still there
 */
export async function removeContainer(
  { engine, name }: ContainerHandle,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const removed = await tryCommand([engine, "rm", "--force", name], env);
  if (removed.code === 0 || /no (?:such )?container/i.test(removed.stderr)) return;
  throw new AppError(
    "unavailable",
    `the container ${name} cannot be removed: ${removed.stderr.slice(0, 300)}`,
  );
}
