import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GeminiRequest } from "./request.ts";

/** Where one run of the command starts, and with what. */
export interface RunDirectory {
  /** The working directory: empty. */
  cwd: string;
  /** All of the environment. */
  env: Record<string, string>;
}

export interface RunDirectoryOptions {
  /** Must not be there yet; its parent must. */
  directory: string;
  request: GeminiRequest;
  /** The model's name for the command. */
  model: string;
  apiKey: string | undefined;
  /** Where `gemini`, and the `node` that runs it, are looked for. */
  path: string;
}

/** Whatever the model asks for is denied: https://geminicli.com/docs/reference/policy-engine. */
const noTools = '[[rule]]\ntoolName = "*"\nargsPattern = "."\ndecision = "deny"\npriority = 999\n';

/**
 * Makes the directory of one run, for the owner alone: a home with settings, the system prompt, and an empty
 * working directory. The command records the conversation in its home, so all of it is removed after the run.
 */
export async function makeRunDirectory({
  directory,
  request,
  model,
  apiKey,
  path,
}: RunDirectoryOptions): Promise<RunDirectory> {
  const cwd = join(directory, "work");
  const home = join(directory, "home");
  const temporary = join(directory, "tmp");
  const systemPrompt = join(directory, "system.md");
  await mkdir(directory, { mode: 0o700 });
  await Promise.all([cwd, temporary].map((one) => mkdir(one, { mode: 0o700 })));
  await mkdir(join(home, ".gemini", "policies"), { mode: 0o700, recursive: true });
  const file = (name: string, text: string) =>
    writeFile(join(directory, name), text, { mode: 0o600, flag: "wx" });
  await Promise.all([
    file("system.md", request.system),
    // Looked for from the working directory upwards: the first one found ends the search.
    file(".env", ""),
    file("home/.gemini/settings.json", JSON.stringify(settingsFor(request, model, apiKey !== undefined))),
    file("home/.gemini/policies/no-tools.toml", noTools),
  ]);
  const env: Record<string, string> = {
    PATH: path,
    HOME: home,
    TMPDIR: temporary,
    LANG: "C.UTF-8",
    NO_COLOR: "1",
    TERM: "dumb",
    GEMINI_SYSTEM_MD: systemPrompt,
    // It would start itself a second time, only to have more memory.
    GEMINI_CLI_NO_RELAUNCH: "true",
    ...(apiKey !== undefined && { GEMINI_API_KEY: apiKey }),
  };
  return { cwd, env };
}

/** Removes all that a run left. Never throws: what is still there goes when the server starts anew. */
export async function removeRunDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
}

/**
 * https://geminicli.com/docs/reference/configuration. A version that does not know a setting passes over it.
 * No text of a caller's may stand here: see Generation.
 */
function settingsFor({ generation }: GeminiRequest, model: string, hasKey: boolean): object {
  const modelConfig = {
    generateContentConfig: { ...generation, toolConfig: { functionCallingConfig: { mode: "NONE" } } },
  };
  return {
    general: {
      enableAutoUpdate: false,
      enableAutoUpdateNotification: false,
      // Whoever calls decides about trying again.
      maxAttempts: 1,
      sessionRetention: { enabled: false },
    },
    privacy: { usageStatisticsEnabled: false },
    telemetry: { enabled: false },
    // The least of them, which the model may not call: the Gemini API has refused an empty list of tools.
    tools: { core: ["list_directory"] },
    security: {
      folderTrust: { enabled: false },
      ...(hasKey && { auth: { selectedType: "gemini-api-key" } }),
    },
    skills: { enabled: false },
    experimental: { enableAgents: false },
    hooksConfig: { enabled: false },
    ide: { enabled: false },
    // No context file is called so: one above the working directory would be part of every prompt.
    context: { includeDirectoryTree: false, fileName: ["no-context-file"] },
    // https://geminicli.com/docs/cli/generation-settings
    modelConfigs: {
      customOverrides: [
        { match: { model }, modelConfig },
        { match: { overrideScope: "core" }, modelConfig },
      ],
    },
  };
}
