import { accessSync, constants } from "node:fs";
import { join, resolve } from "node:path";
import { AppError, type Fault } from "../../../errors.ts";
import type { ProviderConfig } from "../../core/config.ts";

/** What the agent says to vLLM itself, and what an extra argument would break. */
const own: Readonly<Record<string, string>> = {
  "--host": "vLLM listens on the loopback address, always: its control routes have no key",
  "--port": "say `port` beside `extraArgs` instead",
  "--served-model-name": "the model is served under the name in `model`",
  "--uds": "the agent calls vLLM on a port of the loopback address",
  "--api-key": "only this machine reaches it, and the agent sends no key",
};

/** The agent's own environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What is wrong with a managed provider's extra arguments: those that the agent sets itself, also cut short or with
 * underscores, both of which vLLM's parser takes.
 *
 * @param path JSON pointer to the list: `/llm/providers/0/extraArgs`
 */
export function extraArgsFaults(extraArgs: readonly string[], path: string): Fault[] {
  return extraArgs.flatMap((arg, index) => {
    const at = `${path}/${index}`;
    if (arg === "--") return [{ path: at, message: '"--" would turn what follows into something else' }];
    if (arg.includes("\0")) return [{ path: at, message: "an argument has no NUL in it" }];
    const name = optionName(arg);
    const meant = name.length > 3 ? Object.keys(own).find((one) => one.startsWith(name)) : undefined;
    return meant === undefined
      ? []
      : [{ path: at, message: `${meant} is the agent's to set: ${own[meant]}` }];
  });
}

/** Whether vLLM is started with sleep mode, which is only so when the extra arguments ask for it. */
export function hasSleepMode(extraArgs: readonly string[]): boolean {
  const asked = extraArgs.map(optionName).filter((name) => /^--(no-)?enable-sleep-mode$/.test(name));
  return asked.at(-1) === "--enable-sleep-mode";
}

function optionName(arg: string): string {
  return arg.startsWith("--") ? arg.replace(/=.*$/s, "").replaceAll("_", "-") : "";
}

/** The arguments of `vllm` for a provider; what the agent sets comes last, where it wins. No shell reads them (T10). */
export function vllmArguments({ model, managed }: ProviderConfig, port: number): string[] {
  return [
    ...["serve", model, ...(managed?.extraArgs ?? [])],
    ...["--host", "127.0.0.1", "--port", String(port), "--served-model-name", model],
  ];
}

/**
 * The program that is started: `command` where the config says one, else `bin/vllm` of its virtual environment, else
 * `vllm` on the PATH.
 *
 * @returns an absolute path
 * @throws AppError `not_supported` when it is missing or cannot be run; the message names the path and is its owner's
 */
export function findExecutable({ managed }: ProviderConfig, env: Environment): string {
  const { command, venvPath } = managed ?? {};
  const said = command ?? (venvPath === undefined ? "vllm" : join(venvPath, "bin/vllm"));
  const path = said.includes("/") ? resolve(said) : Bun.which(said, { PATH: env["PATH"] ?? "" });
  const hint = "install it (pip install vllm), or say venvPath or command in ~/.mcpctl/config.json";
  if (path === null) throw new AppError("not_supported", `there is no ${said} command on the PATH`, { hint });
  try {
    accessSync(path, constants.X_OK);
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === "ENOENT";
    throw new AppError("not_supported", missing ? `there is no ${path}` : `${path} cannot be run`, {
      hint,
      cause,
    });
  }
  return path;
}
