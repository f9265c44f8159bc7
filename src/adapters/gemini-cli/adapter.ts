import { readProviderError } from "../provider-fault.ts";
import type { Adapter } from "../types.ts";

/** The `gemini` command on the server's own host. `GeminiCli.run` takes and returns OpenAI's chat. */
export const geminiCommand: Adapter = {
  types: ["gemini-cli"],
  dialect: "chat",
  isCommand: true,
  defaultUrls: {},
  operations: ["chat"],
  headers: () => ({}),
  readError: readProviderError,
};
