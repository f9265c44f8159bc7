import type { SandboxLevel } from "./sandbox-level.ts";

/** No sandbox: the program has all rights of the user that mcpctl runs as. */
export const none: SandboxLevel = {
  name: "none",
  title: "no sandbox",
  runs: "host",
  isolates: false,
  gaps: [
    "it has every right of the user that mcpctl runs as: files, other programs and their environment, the network",
    "a process of it that leaves its group and empties its environment outlives it",
  ],
  probe: async () => ({ available: true }),
  wrap: ({ argv, env, folder }) => ({
    argv: [argv[0]!, ...argv.slice(1)],
    env: { ...env },
    cwd: folder,
    hasMonitor: false,
  }),
};
