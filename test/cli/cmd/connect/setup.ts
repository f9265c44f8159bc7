import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cli } from "../../../support/cli/run-cli.ts";
import { must, type TestServer, testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { goodProvider, upstream } from "../../../support/upstream.ts";

/** A server with two llms of which both answer, a user who may run them, and a folder that is `~` of its programs. */
export async function openWithModels(more: object[] = []) {
  const server = await testServer();
  const provider = upstream(goodProvider);
  for (const name of ["gpt", "local"])
    await must(
      server.admin("POST", "/api/v1/llms?probe=false", {
        name,
        type: "vllm",
        model: "up",
        url: provider.url,
      }),
    );
  const { bearer } = await server.user("alice", [
    { role: "create", resource: "tokens" },
    { role: "delete", resource: "tokens" },
    { role: "view", resource: "llms" },
    { role: "run", resource: "llms" },
    ...more,
  ]);
  return { server, provider, bearer, ...folders(server, bearer) };
}

/** A folder that is `~` of programs, and what tests do in it. */
export function folders(server: TestServer, bearer: string) {
  const home = temporaryFolder();
  const run = (line: string | readonly string[], env: Record<string, string> = {}, answers?: string[]) =>
    cli(typeof line === "string" ? `connect ${line}` : ["connect", ...line], {
      server,
      home: join(home, ".mcpctl"),
      env: { HOME: home, MCPCTL_TOKEN: bearer, ...env },
      ...(answers && { answers }),
    });
  const read = (name: string) => readFileSync(join(home, name), "utf8");
  const write = (name: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text, { mode });
  };
  const files = (): string[] =>
    (readdirSync(home, { recursive: true, encoding: "utf8" }) as string[])
      .filter((name) => statSync(join(home, name)).isFile())
      .sort();
  const tokens = async () =>
    (await server.admin("GET", "/api/v1/tokens")).body as { name: string; roleBindings: object[] }[];
  const bearerIn = (folder = ".mcpctl/tokens") => {
    const [file] = readdirSync(join(home, folder)).filter((name) => name.endsWith(".token"));
    return read(join(folder, file!)).trim();
  };
  return { home, run, read, write, files, tokens, bearerIn };
}
/** Settings of Claude Code as somebody has them, with comments. */
export const userSettings = `{
  // mine
  "model": "opus", // my favourite
  "env": { "MY": "1", "ANTHROPIC_AUTH_TOKEN": "other" },
  "permissions": { "allow": ["Read"] }
}
`;
