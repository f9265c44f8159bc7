import type { ConnectClient } from "../client.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { curl } from "./curl.ts";
import { cursor } from "./cursor.ts";
import { gemini, qwen } from "./gemini.ts";
import { opencode } from "./opencode.ts";
import { vscode } from "./vscode.ts";

/** The programs that `mcpctl connect` sets up. Each is one module, and one word here. */
export const connectClients: readonly ConnectClient[] = [
  claude,
  codex,
  opencode,
  cursor,
  vscode,
  gemini,
  qwen,
  curl,
];
