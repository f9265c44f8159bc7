import type { ConnectClient } from "../client.ts";
import { aider } from "./aider.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { continueDev } from "./continue.ts";
import { curl } from "./curl.ts";
import { cursor } from "./cursor.ts";
import { gemini, qwen } from "./gemini.ts";
import { openWebui } from "./open-webui.ts";
import { opencode } from "./opencode.ts";
import { sdkNode, sdkPython } from "./sdk.ts";
import { vscode } from "./vscode.ts";
import { zed } from "./zed.ts";

/** The programs that `mcpctl connect` sets up. Each is one module, and one word here. */
export const connectClients: readonly ConnectClient[] = [
  claude,
  codex,
  opencode,
  aider,
  openWebui,
  cursor,
  vscode,
  zed,
  continueDev,
  gemini,
  qwen,
  sdkPython,
  sdkNode,
  curl,
];
