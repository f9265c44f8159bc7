import { plainBlock } from "./cells.ts";
import { curlCommand } from "./curl.ts";
import { TextScreen } from "./text-screen.ts";
import type { ConsoleWorld } from "./world.ts";

/** Shows a request as a curl command, and copies it. */
export function openCurl(body: string, { client, path, stage, copy }: ConsoleWorld): void {
  const command = curlCommand(body, client.endpoint, path);
  if (command === undefined) return stage.say("only a request that stands alone can be sent again");
  copy(command);
  const needsToken = !client.endpoint.url.startsWith("unix:");
  stage.open(
    new TextScreen({
      title: "curl",
      parts: () => [
        { text: "copied, if your terminal lets programs copy; or select it:", style: "dim" },
        ...(needsToken
          ? [{ text: "it reads the token from the variable MCPCTL_TOKEN", style: "dim" as const }]
          : []),
        { text: "" },
        { text: plainBlock(command) },
      ],
    }),
  );
}
