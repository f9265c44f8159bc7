import { closeSync, constants, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { AppError } from "../../../errors.ts";
import { writePrivateFile } from "../../../private-file.ts";
import type { Message } from "./answer.ts";
import type { Conversation } from "./conversation.ts";

/**
 * Writes a conversation to a file that only its owner can read: as JSON if its name ends in .json, otherwise as markdown.
 *
 * @param force true overwrites an existing file
 * @returns the absolute path of the file
 * @throws AppError `conflict` if the file exists, `invalid_request` if it cannot be written
 */
export function saveTranscript(
  conversation: Conversation,
  path: string,
  cwd: string,
  force: boolean,
): string {
  const file = resolve(cwd, path);
  const text = file.endsWith(".json") ? asJson(conversation) : asMarkdown(conversation);
  try {
    if (force) writePrivateFile(file, text);
    else writeNew(file, text);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EEXIST")
      throw new AppError("conflict", `${path} exists already`, {
        hint: `to overwrite it: /save --force ${path}`,
      });
    if (error instanceof AppError || code === undefined) throw error;
    throw new AppError("invalid_request", `cannot write ${path}: ${code}`, { cause: error });
  }
  return file;
}

function writeNew(path: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

function asJson({ partner, thread, system, messages }: Conversation): string {
  const head = { [partner.kind]: partner.name, ...(thread && { thread }), ...(system && { system }) };
  return `${JSON.stringify({ ...head, messages }, null, 2)}\n`;
}

function asMarkdown({ partner, system, messages }: Conversation): string {
  const prompt = system === undefined ? [] : [{ role: "system", content: system }];
  const parts = [...prompt, ...messages].map((message) => `## ${message.role}\n\n${textOf(message)}\n`);
  return [`# ${partner.name}\n`, ...parts].join("\n");
}

function textOf({ content, tool_calls }: Message): string {
  const text = typeof content === "string" ? content : content === undefined ? "" : fenced(content);
  return tool_calls === undefined ? text : `${text}\n\n${fenced(tool_calls)}`.trim();
}

function fenced(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
}
