import { typesOf } from "../../kinds/provider-types.ts";
import { readProviderError } from "../provider-fault.ts";
import type { Adapter } from "../types.ts";

/** The `gemini` command on the server's own host. `GeminiCli.run` takes and returns OpenAI's chat. */
export const geminiCommand: Adapter = {
  types: typesOf("command"),
  dialect: "chat",
  isCommand: true,
  defaultUrls: {},
  operations: ["chat"],
  headers: () => ({}),
  readError: readProviderError,
};
