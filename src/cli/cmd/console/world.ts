import type { ApiClient } from "../../client/client.ts";
import type { ConsoleSession } from "./console-session.ts";
import type { ScreenStack } from "./screen.ts";

/** Everything that the screens use. */
export interface ConsoleWorld {
  project: string;
  /** The path of the project's endpoint. */
  path: string;
  client: ApiClient;
  session: ConsoleSession;
  stage: ScreenStack;
  /** Ends with the console. */
  signal: AbortSignal;
  now(): number;
  /** Puts a text into the clipboard of the terminal, if it has one. */
  copy(text: string): void;
}
