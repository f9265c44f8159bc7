import { type ConnectClient, shellWord } from "../client.ts";

/** https://curl.se/docs/manpage.html#-K: a file of options holds the token, so that no other process sees it in arguments. */
export const curl: ConnectClient = {
  name: "curl",
  title: "curl",
  caVariable: "CURL_CA_BUNDLE",
  models: {
    dialect: "chat",
    files: ({ token, ownFile }) => [
      {
        file: ownFile,
        format: "text",
        settings: [
          {
            path: [],
            value: `# Written by: mcpctl connect curl\nheader = "authorization: Bearer ${token}"\n`,
          },
        ],
      },
    ],
    snippet: ({ url, model, ownFile }) => `curl -sS -K ${shellWord(ownFile)} ${url}/v1/chat/completions \\
  -H "content-type: application/json" -d '${JSON.stringify({ model, messages: [{ role: "user", content: "Say hello." }] })}'
`,
    next: () => "run the command above",
  },
};
