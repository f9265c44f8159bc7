import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GeminiRequest } from "./request.ts";

/** The working directory and environment of one run. */
export interface RunDirectory {
  /** The working directory, which is empty. */
  cwd: string;
  /** The whole environment. */
  env: Record<string, string>;
}

export interface RunDirectoryOptions {
  /** Must not exist yet; its parent must exist. */
  directory: string;
  request: GeminiRequest;
  /** The model's name for the command. */
  model: string;
  apiKey: string | undefined;
  /** The `PATH` with `gemini` and the `node` that runs it. */
  path: string;
}

/** Denies every tool call of the model: https://geminicli.com/docs/reference/policy-engine. */
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
    // The command searches from the working directory upwards: the first file found ends the search.
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
    // Otherwise it starts itself a second time to have more memory.
    GEMINI_CLI_NO_RELAUNCH: "true",
    ...(apiKey !== undefined && { GEMINI_API_KEY: apiKey }),
  };
  return { cwd, env };
}

/** Removes a run's directory. Never throws: the rest is removed at the next start of the server. */
export async function removeRunDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
}

/**
 * Returns the command's settings: https://geminicli.com/docs/reference/configuration. A version that does not know a
 * setting ignores it. No text of a caller may be part of them: see Generation.
 */
function settingsFor({ generation }: GeminiRequest, model: string, hasKey: boolean): object {
  const modelConfig = {
    generateContentConfig: { ...generation, toolConfig: { functionCallingConfig: { mode: "NONE" } } },
  };
  return {
    general: {
      enableAutoUpdate: false,
      enableAutoUpdateNotification: false,
      // The server's own rules decide about another try.
      maxAttempts: 1,
      sessionRetention: { enabled: false },
    },
    privacy: { usageStatisticsEnabled: false },
    telemetry: { enabled: false },
    // One harmless tool, which the model may not call: the Gemini API has refused an empty list of tools.
    tools: { core: ["list_directory"] },
    security: {
      folderTrust: { enabled: false },
      ...(hasKey && { auth: { selectedType: "gemini-api-key" } }),
    },
    skills: { enabled: false },
    experimental: { enableAgents: false },
    hooksConfig: { enabled: false },
    ide: { enabled: false },
    // No such file exists. A context file above the working directory would be part of every prompt.
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
