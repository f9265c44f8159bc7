import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type LaunchHost, launchHost } from "../../../src/processes/launch/prepare.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** A program in the place of Docker or Podman. It writes down how it is called, and runs what a container would. */
export interface StandInEngine {
  host: LaunchHost;
  /** Its calls so far, each a list of arguments. */
  calls(): string[][];
  /** The environment of its last `run`, as `NAME=value` lines, and the variables that it read from the file. */
  runEnvironment(): { own: string; file: string };
}

/**
 * Installs a stand-in.
 *
 * @param options.program the name it is installed under
 * @param options.run lines of sh that stand for the program in the container
 * @param options.fails verbs that fail, with the line that they write to stderr
 */
export function standInEngine({
  program = "docker",
  run = "exec cat",
  fails = {},
}: {
  program?: string;
  run?: string;
  fails?: Record<string, string>;
} = {}): StandInEngine {
  const folder = temporaryFolder();
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const failing = Object.entries(fails).map(([verb, line]) => `  "${verb}"*) echo "${line}" >&2; exit 1;;`);
  const script = `#!/bin/sh
PATH=/usr/bin:/bin
for word; do printf '%s\\0' "$word"; done >> ${folder}/calls
echo >> ${folder}/calls
case "$*" in
${failing.join("\n")}
  "image inspect"*) [ -e ${folder}/pulled ] || { echo "Error: No such image" >&2; exit 1; };;
  "pull"*) echo "1.0: Pulling from library/x"; printf 'Downloading 10%%\\rDownloading 100%%\\n'; : > ${folder}/pulled;;
  "run"*)
    env > ${folder}/env
    while [ $# -gt 0 ]; do [ "$1" = --env-file ] && cat "$2" > ${folder}/env-file; shift; done
    ${run};;
  "rm"*) echo "Error: No such container: x" >&2; exit 1;;
esac
`;
  writeFileSync(join(bin, program), script);
  chmodSync(join(bin, program), 0o755);
  const textOf = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "";
  return {
    host: launchHost({
      PATH: bin,
      HOME: folder,
      MCPCTL_TOKEN: "of-mcpctl",
      DOCKER_HOST: "unix:///run/docker.sock",
    }),
    calls: () =>
      textOf("calls")
        .split("\0\n")
        .flatMap((call) => (call === "" ? [] : [call.split("\0")])),
    runEnvironment: () => ({ own: textOf("env"), file: textOf("env-file") }),
  };
}
