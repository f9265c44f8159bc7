import { AppError } from "../../errors.ts";
import type { Exit } from "../../processes/process-group.ts";
import { oneLine } from "../../wire/text.ts";

/** The data of a failed run. */
export interface RunFault {
  /** Undefined for a process that still runs. */
  exit: Exit | undefined;
  /** The message of its last event. */
  message: string | undefined;
  /** The end of its stderr. */
  stderr: string;
}

const longestMessage = 1000;

/** Exit codes of the command: https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/utils/errors.ts */
const meanings: Readonly<Record<number, string>> = {
  44: "gemini cannot use its sandbox",
  52: "gemini does not accept its settings",
  53: "gemini reached its limit of turns",
  54: "gemini could not run a tool",
  55: "gemini does not trust its directory",
  130: "gemini was interrupted",
};

/** Texts that explain a run whose exit code does not. The Gemini API answers a bad key with status 400. */
const signs = {
  key: /API key (?:not valid|expired)|API_KEY_INVALID|PERMISSION_DENIED|UNAUTHENTICATED/i,
  model: /ModelNotFoundError|is not found for API version/,
  quota: /TerminalQuotaError|RESOURCE_EXHAUSTED|exhausted your (?:daily )?(?:quota|capacity)/i,
  network: /fetch failed|ENOTFOUND|ECONNREFUSED|EAI_AGAIN/,
};

/** Statuses of the Gemini API. An exit code has the low 8 bits of one. */
const statuses = [400, 401, 403, 404, 429, 499, 500, 502, 503, 504];
const statusOfExit = new Map(statuses.map((status) => [status & 255, status]));

/**
 * Returns the error for a run without an answer.
 *
 * @param redact Removes keys from a text.
 * @param directory The run's own directory, which is removed from the message.
 */
export function runFailure(
  { exit, message, stderr }: RunFault,
  redact: (text: string) => string,
  directory: string,
): AppError {
  if (exit?.code === 126 || exit?.code === 127) return cannotStart("EACCES");
  const signal = exit?.signal;
  if (signal)
    return new AppError("provider_error", `gemini was ended by ${signal} before its response was complete`);
  const code = exit?.code ?? 0;
  const status = statusOfExit.get(code);
  const output = inOneLine(redact(message ?? stderr).replaceAll(directory, "…"));
  const meaning = meanings[code];
  const text = output || meaning || `gemini ended with code ${code} and no response`;
  if (status !== undefined && status >= 500) return new AppError("provider_error", text, { status });
  const says = (sign: RegExp) => sign.test(message ?? "") || sign.test(stderr);
  if (code === 41 || status === 401 || status === 403 || says(signs.key)) return rejected();
  if (status === 429 || says(signs.quota)) return new AppError("too_many_requests", text);
  if (status === 404 || says(signs.model)) return new AppError("invalid_request", text, { status: 404 });
  if (status === 400 || code === 42) return new AppError("invalid_request", text);
  if (says(signs.network)) return new AppError("provider_unreachable", "gemini cannot reach its provider");
  const both = output && meaning ? `${meaning}: ${output}`.slice(0, longestMessage) : text;
  return new AppError("provider_error", both);
}

function rejected(): AppError {
  return new AppError(
    "provider_rejected_credential",
    "gemini has no credential, or its provider rejected it",
    {
      hint: "an llm of type gemini-cli needs an apiKeyRef to a Gemini API key",
    },
  );
}

const missing: Readonly<Record<string, string>> = {
  ENOENT: "there is no gemini command on this server",
  EACCES: "the gemini command on this server cannot be run",
};

/** Returns the error for a command that cannot be started. `code` is the system's. */
export function cannotStart(code: unknown, cause?: unknown): AppError {
  const message = missing[String(code)];
  if (message === undefined)
    return new AppError("unavailable", "the gemini command cannot be started now", { cause, retryAfter: 5 });
  return new AppError("not_supported", message, {
    hint: "on the server's host, run: npm install -g @google/gemini-cli, or set MCPCTL_GEMINI_COMMAND to its path",
    cause,
  });
}

/** Notices of every run without a terminal, and lines of stack traces. */
const noise = /^\s*(?:Warning: |Ripgrep is not available|at |\[STARTUP\])/;

function inOneLine(text: string): string {
  const lines = text.split("\n").filter((line) => !noise.test(line));
  return oneLine(lines.join(" "), longestMessage);
}
