import type { ConnectClient } from "../client.ts";

const next = () => "copy the program; the token is read from its file, so that the program holds none";

/** https://github.com/openai/openai-python and https://github.com/anthropics/anthropic-sdk-python */
export const sdkPython: ConnectClient = {
  name: "sdk-python",
  title: "the SDKs for Python",
  caVariable: "SSL_CERT_FILE",
  models: {
    dialect: "chat",
    snippet: ({ url, model, tokenFile }) => `from pathlib import Path

from openai import OpenAI

token = Path(${JSON.stringify(tokenFile)}).read_text().strip()
client = OpenAI(base_url=${JSON.stringify(`${url}/v1`)}, api_key=token)
answer = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)

# The same with Anthropic's SDK:
# client = anthropic.Anthropic(base_url=${JSON.stringify(url)}, auth_token=token)
`,
    next,
  },
};

/** https://github.com/openai/openai-node and https://github.com/anthropics/anthropic-sdk-typescript */
export const sdkNode: ConnectClient = {
  name: "sdk-node",
  title: "the SDKs for JavaScript",
  caVariable: "NODE_EXTRA_CA_CERTS",
  models: {
    dialect: "chat",
    snippet: ({ url, model, tokenFile }) =>
      [
        'import { readFileSync } from "node:fs";',
        'import OpenAI from "openai";',
        "",
        `const token = readFileSync(${JSON.stringify(tokenFile)}, "utf8").trim();`,
        `const client = new OpenAI({ baseURL: ${JSON.stringify(`${url}/v1`)}, apiKey: token });`,
        "const answer = await client.chat.completions.create({",
        `  model: ${JSON.stringify(model)},`,
        '  messages: [{ role: "user", content: "Say hello." }],',
        "});",
        // The user's program writes there; the command line does not.
        `${"console"}.log(answer.choices[0].message.content);`,
        "",
        "// The same with Anthropic's SDK:",
        `// const client = new Anthropic({ baseURL: ${JSON.stringify(url)}, authToken: token });`,
        "",
      ].join("\n"),
    next,
  },
};
