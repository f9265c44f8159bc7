import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { writePrivateFile } from "../../private-file.ts";
import { engineEnvironment, type FoundEngine, findEngine, isEngineVariable } from "../containers/engines.ts";
import { checkImage, pullMissing } from "../containers/images.ts";
import { runArguments } from "../containers/run-arguments.ts";
import { loopbackPort } from "../loopback-port.ts";
import { outsideName } from "../outside-processes.ts";
import { remembered } from "./probe.ts";
import type { SandboxLevel, SandboxRequest } from "./sandbox-level.ts";

const envFileName = "container.env";

/**
 * Makes the level of containers, by Podman or Docker: files of an image, no capabilities, limits by the engine.
 *
 * @param own the environment of mcpctl, in which the engine finds its settings
 */
export function containerLevel(own: Readonly<Record<string, string | undefined>>): SandboxLevel {
  const engineEnv = engineEnvironment(own);
  let engine: FoundEngine | undefined;
  return {
    name: "container",
    title: "container",
    runs: "image",
    isolates: true,
    gaps: [
      "with network, it reaches every address that containers of this machine reach, and usually the machine itself",
      "Docker's service has the rights of root; rootless Podman has none",
    ],
    probe: remembered(async () => {
      const found = await findEngine(engineEnv);
      if ("available" in found) return found;
      engine = found;
      return { available: true };
    }),
    async wrap(request) {
      const { image, folder, limits, network, argv } = request;
      if (!image || !engine) throw new AppError("internal", "a container needs an image and an engine");
      checkImage(image.reference);
      if (image.port !== undefined && !network)
        throw new AppError("invalid_request", "a program that serves a port cannot be without network");
      await pullMissing(engine, engineEnv, image.reference, image.onProgress);
      const { envFile, inherited } = environmentOf(request, join(folder, envFileName));
      const port =
        image.port === undefined ? undefined : { inside: image.port, outside: loopbackPort(undefined) };
      const name = outsideName();
      const words = runArguments(engine, {
        ...{ name, network, limits, envFile, inheritedVariables: Object.keys(inherited) },
        image: image.reference,
        labels: { "io.mcpctl.program": image.label },
        args: argv,
        ...(image.entrypoint !== undefined && { entrypoint: image.entrypoint }),
        ...(image.usesFolder && { cwd: folder }),
        mounts: mountsOf(request, image.usesFolder),
        ...(port && { port }),
      });
      return {
        argv: [engine.path, ...words],
        env: { ...inherited, ...engineEnv },
        cwd: folder,
        hasMonitor: false,
        outside: { kind: "container", program: engine.path, name },
        transientFiles: [envFile],
        ...(port && { url: `http://127.0.0.1:${port.outside}` }),
      };
    },
  };
}

/** Writes the variables to a file that only this user can read. Values of several lines fit into no such file. */
function environmentOf(request: SandboxRequest, envFile: string) {
  const all = Object.entries(request.env);
  const inherited = all.filter(([, value]) => /[\r\n]/.test(value));
  for (const [name] of inherited)
    if (isEngineVariable(name))
      throw new AppError("invalid_request", `the variable ${name} of a container cannot have several lines`);
  const lines = all.filter(([, value]) => !/[\r\n]/.test(value)).map(([name, value]) => `${name}=${value}\n`);
  writePrivateFile(envFile, lines.join(""));
  return { envFile, inherited: Object.fromEntries(inherited) };
}

function mountsOf({ folder, readable, writable }: SandboxRequest, usesFolder: boolean) {
  const mount = (path: string, readonly: boolean) => ({ source: path, target: path, readonly });
  return [
    ...readable.map((path) => mount(path, true)),
    ...writable.map((path) => mount(path, false)),
    ...(usesFolder ? [mount(folder, false)] : []),
  ];
}
