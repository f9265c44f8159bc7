import { findProgram } from "../find-program.ts";
import { tryCommand } from "../try-command.ts";

/** A program that runs containers. Docker and Podman have the same command line but for what is here. */
export interface ContainerEngine {
  /** The program: `podman`. */
  program: string;
  /** Arguments that fail when the engine does not work. */
  check: readonly string[];
  /** True: files that a container writes to a folder of the host belong to root, unless it runs as another user. */
  writesAsRoot: boolean;
}

/** The engines, in the order in which they are tried. Podman first: it needs no service that has the rights of root. */
const engines: readonly ContainerEngine[] = [
  {
    program: "podman",
    check: ["info", "--format", "{{.Host.OCIRuntime.Name}}"],
    writesAsRoot: false,
  },
  {
    program: "docker",
    check: ["version", "--format", "{{.Server.Version}}"],

    writesAsRoot: true,
  },
];

/** An engine that works on this host, with the absolute path of its program. */
export interface FoundEngine extends ContainerEngine {
  path: string;
}

/** The reason why no engine works, and the remedy. */
export interface NoEngine {
  available: false;
  reason: string;
  hint: string;
}

/**
 * Looks for an engine that works.
 *
 * @param env the environment for it
 * @returns the reason where there is none
 */
export async function findEngine(env: Readonly<Record<string, string>>): Promise<FoundEngine | NoEngine> {
  const faults: string[] = [];
  for (const engine of engines) {
    const path = findProgram(engine.program, env["PATH"] ?? "");
    if (path === undefined) continue;
    const { code, stderr } = await tryCommand([path, ...engine.check], env);
    if (code === 0) return { ...engine, path };
    faults.push(
      `${engine.program} does not work: ${stderr.split("\n").at(-1)?.slice(0, 300) || "no answer in time"}`,
    );
  }
  return {
    available: false,
    reason: faults.join("; ") || "neither podman nor docker is installed",
    hint: "install podman, or start Docker and let the user of mcpctl use it",
  };
}

/** Variables by which an engine finds its settings, its images and its service. A container gets none of them. */
const ownVariables =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|XDG_\w+|DOCKER_\w+|CONTAINERS?_\w+|PODMAN_\w+|REGISTRY_AUTH_FILE|DBUS_SESSION_BUS_ADDRESS|\w*_PROXY)$/i;

/** True for a variable that would change what the engine itself does. */
export function isEngineVariable(name: string): boolean {
  return ownVariables.test(name);
}

/** Returns the environment for the engine's program, of mcpctl's own. */
export function engineEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(own).filter(([name, value]) => isEngineVariable(name) && value !== undefined);
  return Object.fromEntries(kept) as Record<string, string>;
}
