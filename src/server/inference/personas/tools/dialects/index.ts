import type { Dialect } from "../../../../../wire/dialects/types.ts";
import { chat } from "./chat.ts";
import { messages } from "./messages.ts";
import { responses } from "./responses.ts";
import type { ToolDialect } from "./tool-dialect.ts";

/** The rules of each dialect for the tools of personas. */
export const toolDialects: Readonly<Record<Dialect, ToolDialect>> = { chat, messages, responses };
