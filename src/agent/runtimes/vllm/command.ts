import { accessSync, constants } from "node:fs";
import { join, resolve } from "node:path";
import { AppError, type Fault } from "../../../errors.ts";
import { reasonText } from "../../../system-errors.ts";
import type { ProviderConfig } from "../../core/config.ts";

/** Options that only the agent sets, and the reason or the alternative. */
const own: Readonly<Record<string, string>> = {
  "--host": "vLLM always listens on the loopback address: its control routes have no key",
  "--port": "set `port` beside `extraArgs` instead",
  "--served-model-name": "the model is served under the name in `model`",
  "--uds": "the agent calls vLLM on a port of the loopback address",
  "--api-key": "only this machine reaches it, and the agent sends no key",
};

/** The agent's environment. */
export type AgentEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Returns a fault for each extra argument that only the agent may set. vLLM's parser takes abbreviations and
 * underscores, so these are found too.
 *
 * @param path JSON pointer to the list: `/llm/providers/0/extraArgs`
 */
export function extraArgsFaults(extraArgs: readonly string[], path: string): Fault[] {
  return extraArgs.flatMap((arg, index) => {
    const at = `${path}/${index}`;
    if (arg === "--")
      return [{ path: at, message: '"--" would change the meaning of the arguments after it' }];
    if (arg.includes("\0")) return [{ path: at, message: "an argument must not contain NUL" }];
    const name = optionName(arg);
    const meant = name.length > 3 ? Object.keys(own).find((one) => one.startsWith(name)) : undefined;
    return meant === undefined
      ? []
      : [{ path: at, message: `${meant} can be set by the agent only: ${own[meant]}` }];
  });
}

/** True if the extra arguments switch on vLLM's sleep mode. */
export function hasSleepMode(extraArgs: readonly string[]): boolean {
  const switches = extraArgs.map(optionName).filter((name) => /^--(no-)?enable-sleep-mode$/.test(name));
  return switches.at(-1) === "--enable-sleep-mode";
}

function optionName(arg: string): string {
  return arg.startsWith("--") ? arg.replace(/=.*$/s, "").replaceAll("_", "-") : "";
}

/** Returns the arguments of `vllm`. The agent's own come last, where they win. No shell reads them (T10). */
export function vllmArguments({ model, managed }: ProviderConfig, port: number): string[] {
  return [
    ...["serve", model, ...(managed?.extraArgs ?? [])],
    ...["--host", "127.0.0.1", "--port", String(port), "--served-model-name", model],
  ];
}

/**
 * Finds the program to start: `command` of the config, or `bin/vllm` of its virtual environment, or `vllm` on the PATH.
 * `vllm` on the PATH.
 *
 * @returns an absolute path
 * @throws AppError `not_supported` when it is missing or cannot be run; the message names the path, so it is for the
 *   owner only
 */
export function findExecutable({ managed }: ProviderConfig, env: AgentEnvironment): string {
  const { command, venvPath } = managed ?? {};
  const name = command ?? (venvPath === undefined ? "vllm" : join(venvPath, "bin/vllm"));
  const path = name.includes("/") ? resolve(name) : Bun.which(name, { PATH: env["PATH"] ?? "" });
  const hint = "install it (pip install vllm), or set venvPath or command in ~/.mcpctl/config.json";
  if (path === null) throw new AppError("not_supported", `there is no ${name} command on the PATH`, { hint });
  try {
    accessSync(path, constants.X_OK);
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === "ENOENT";
    const message = missing ? `there is no ${path}` : `${path} cannot be run: ${reasonText(cause)}`;
    throw new AppError("not_supported", message, {
      hint,
      cause,
    });
  }
  return path;
}
