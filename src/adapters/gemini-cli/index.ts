import { mkdir, rm } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { EndSignal } from "../../end-signal.ts";
import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { wholeOutput } from "../../processes/whole-output.ts";
import { cannotStart, runFailure } from "./faults.ts";
import { type RunTimeouts, readResponse } from "./read-response.ts";
import { geminiRequest } from "./request.ts";
import { type GeminiRun, startGemini } from "./run.ts";
import { makeRunDirectory, removeRunDirectory } from "./run-directory.ts";
import { createSlots } from "./slots.ts";

export interface GeminiCliOptions {
  /** Absolute path of the command. Without one, `gemini` is looked up on `path`. It cannot be set over the API. */
  command?: string | undefined;
  /** A `PATH`. */
  path: string;
  /** Folder in which each run gets a directory. It must hold nothing else: the first run empties it. */
  directory: string;
  /** The most runs at a time, default 4. */
  maxProcesses?: number;
  /** The longest that a call waits for its turn, in milliseconds, default 30,000. */
  longestWait?: number;
  /** Removes keys from a text. */
  redact(text: string, apiKey: string | undefined): string;
  /** Milliseconds since 1970. */
  now(): number;
  /** Returns an id that is unique and can be the name of a file. */
  randomId(): string;
}

/** One call of a model behind the command. */
export interface GeminiCall {
  /** An OpenAI chat request. */
  body: Record<string, unknown>;
  /** Name of the model, as the command knows it. */
  model: string;
  apiKey: string | undefined;
  timeouts: RunTimeouts;
  signal?: EndSignal | undefined;
}

export interface GeminiCli {
  /**
   * Runs the command for one call. The response is OpenAI chat, streamed or whole, and always has status 200. A failure
   * before its first words is thrown; a later one reaches the sink as its error.
   *
   * @throws AppError; HttpFailure "cancelled" when the signal aborts
   */
  run(call: GeminiCall): Promise<ProviderResponse>;
  /** Returns what `gemini --version` prints within `limit` milliseconds. Throws AppError. */
  version(limit: number): Promise<string>;
  /** Ends every run and refuses new calls. Resolves when no process and no file of them is left. */
  close(): Promise<void>;
}

/** Names that a model may have: none that the command could take for an option. */
const modelName = /^[A-Za-z0-9][\w./:@-]{0,199}$/;

/**
 * Makes models behind the `gemini` command callable: one process for each call, in a process group, directory and
 * environment of its own.
 *
 * @throws AppError `invalid_request` for a command whose path is not absolute
 */
export function createGeminiCli(options: GeminiCliOptions): GeminiCli {
  const { command, path, directory, now, randomId } = options;
  const { maxProcesses = 4, longestWait = 30_000 } = options;
  if (command !== undefined && !isAbsolute(command))
    throw new AppError("invalid_request", "the path of the gemini command must be absolute");
  const slots = createSlots({ slots: maxProcesses, longestWait });
  const running = new Set<Promise<void>>();
  const runs = new Set<GeminiRun>();
  let emptied: Promise<void> | undefined;
  let isClosed = false;

  const commandPath = () => {
    const found = command ?? Bun.which("gemini", { PATH: path });
    if (!found) throw cannotStart("ENOENT");
    return found;
  };

  /** Calls `make` once the folder exists, and is empty of what a killed server has left. */
  const inDirectory = async <Made>(make: () => Promise<Made>): Promise<Made> => {
    try {
      emptied ??= emptyDirectory(directory);
      // It is emptied once only: after that there are runs in it.
      await emptied.catch((error) => {
        emptied = undefined;
        throw error;
      });
      return await make();
    } catch (cause) {
      const message = "the server cannot create a directory for gemini";
      throw new AppError("unavailable", message, { cause, retryAfter: 30 });
    }
  };

  return {
    async run({ body, model, apiKey, timeouts, signal }) {
      const request = geminiRequest(body);
      if (!modelName.test(model)) throw new AppError("invalid_request", "gemini has no model of this name");
      const found = commandPath();
      const leave = await slots.enter(signal);
      const place = join(directory, randomId());
      let started: GeminiRun | undefined;
      const { promise: gone, resolve: done } = Promise.withResolvers<void>();
      running.add(gone);
      const clean = async () => {
        await started?.closed;
        if (started) runs.delete(started);
        await removeRunDirectory(place);
        leave();
        running.delete(gone);
        done();
      };
      try {
        const { cwd, env } = await inDirectory(() =>
          makeRunDirectory({ directory: place, request, model, apiKey, path }),
        );
        if (isClosed) throw closing();
        if (signal?.aborted) throw new HttpFailure("cancelled", "the call was cancelled");
        const argv: [string, ...string[]] = [found, "--output-format=stream-json", `--model=${model}`];
        const run = startGemini({ argv, cwd, env, input: request.prompt });
        started = run;
        runs.add(run);
        return await readResponse({
          run,
          head: { id: `chatcmpl-${randomId()}`, created: Math.floor(now() / 1000), model },
          isStreaming: body["stream"] === true,
          maxTokens: request.generation.maxOutputTokens,
          timeouts,
          signal,
          explain(exit, message) {
            if (isClosed) return closing();
            const fault = { exit, message, stderr: run.stderr() };
            return runFailure(fault, (text) => options.redact(text, apiKey), place);
          },
        });
      } finally {
        void clean();
      }
    },

    async version(limit) {
      const found = commandPath();
      const place = join(directory, randomId());
      await inDirectory(() => mkdir(place, { mode: 0o700 }));
      const env = { PATH: path, HOME: place, NO_COLOR: "1", GEMINI_CLI_NO_RELAUNCH: "true" };
      try {
        return await versionOf(
          startGemini({ argv: [found, "--version"], cwd: place, env, input: "" }),
          limit,
        );
      } finally {
        await removeRunDirectory(place);
      }
    },

    async close() {
      isClosed = true;
      slots.close();
      for (const run of runs) run.stop();
      await Promise.all(running);
    },
  };
}

async function versionOf(run: GeminiRun, limit: number): Promise<string> {
  const late = setTimeout(run.stop, limit);
  const output = (await wholeOutput(run.stdout)).trim();
  const { code, signal } = await run.closed;
  clearTimeout(late);
  if (signal !== null) throw new AppError("provider_timeout", "gemini did not print its version in time");
  const version = /^v?(\d+\.[\w.+-]{1,40})$/m.exec(output)?.[1];
  if (code === 0 && version !== undefined) return version;
  throw new AppError("provider_error", "the gemini command does not print its version");
}

function closing(): AppError {
  return new AppError("unavailable", "the server is shutting down");
}

async function emptyDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
}
