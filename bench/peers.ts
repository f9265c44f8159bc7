import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type Processes, type Started } from "./processes.ts";

/** Another gateway, and how it is asked. */
export interface Gateway {
  name: string;
  port: number;
  /** Path of chat completions, if it is not that of OpenAI. */
  path?: string;
  model: string;
  headers: Record<string, string>;
}

/** A gateway that was started for the benchmark. */
export interface Peer extends Gateway, Started {}

/** Gateways that npm can install, at the versions that the figures are about. */
const packages = ["@portkey-ai/gateway@1.15.2", "@musistudio/llms@1.0.53"];
const folder = join(tmpdir(), "mcpctl-bench-peers");

/** Installs the peers, once for all runs. Throws when the registry cannot be reached. */
export async function installPeers(): Promise<void> {
  await installed(packages);
}

/** Installs packages of npm, once for all runs. Returns the folder that they are in. */
export async function installed(wanted: readonly string[]): Promise<string> {
  const paths = wanted.map((name) => join(folder, "node_modules", name.slice(0, name.lastIndexOf("@"))));
  if (paths.every((path) => existsSync(path))) return folder;
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest)) await Bun.write(manifest, '{ "private": true }\n');
  const child = Bun.spawn([process.execPath, "add", "--exact", "--ignore-scripts", ...wanted], {
    cwd: folder,
    stdout: "ignore",
    stderr: "inherit",
  });
  if ((await child.exited) !== 0) throw new Error("the peers could not be installed");
  return folder;
}

/** Portkey's gateway under Bun: under Node 20 its streams fail. The caller names the upstream. */
export async function startPortkey(processes: Processes, upstream: number): Promise<Peer> {
  const port = freePort();
  const program = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
  const command = [process.execPath, program, `--port=${port}`, "--headless"];
  const env = { TRUSTED_CUSTOM_HOSTS: "127.0.0.1,localhost", NODE_ENV: "production" };
  return {
    name: "Portkey 1.15.2 on Bun",
    ...(await processes.startServer("portkey", command, port, { env, cwd: folder })),
    model: "bench-model",
    headers: {
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `http://127.0.0.1:${upstream}/v1`,
      authorization: "Bearer sk-bench",
    },
  };
}

/** The engine of claude-code-router under Bun. Its ESM build cannot be loaded, so it is required. */
export async function startMusistudio(processes: Processes, upstream: number): Promise<Peer> {
  const port = freePort();
  const settings = {
    jsonPath: "./none.json",
    logger: false,
    initialConfig: {
      HOST: "127.0.0.1",
      PORT: port,
      providers: [
        {
          name: "bench",
          api_base_url: `http://127.0.0.1:${upstream}/v1/chat/completions`,
          api_key: "sk-bench",
          models: ["bench-model"],
        },
      ],
    },
  };
  const program = join(folder, "musistudio.cjs");
  writeFileSync(
    program,
    `const made = require("@musistudio/llms");
new (made.default ?? made)(JSON.parse(process.argv[2])).start();
`,
  );
  const command = [process.execPath, program, JSON.stringify(settings)];
  return {
    name: "@musistudio/llms 1.0.53 on Bun",
    ...(await processes.startServer("musistudio", command, port, { cwd: folder })),
    model: "bench,bench-model",
    headers: {},
  };
}
