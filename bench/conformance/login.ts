import { bareEnvironment } from "../processes.ts";

/** A login at the server of a scenario failed. */
export class LoginRefused extends Error {}

/** The scenarios in which the authorization server does what a client must not accept. */
export const unsafe: ReadonlySet<string> = new Set(
  [
    "resource-mismatch",
    "iss-supported-missing",
    "iss-wrong-issuer",
    "iss-unexpected",
    "iss-normalized",
    "metadata-issuer-mismatch",
  ].map((name) => `auth/${name}`),
);

export interface LoginOptions {
  /** The command line of mcpctl. */
  command: readonly string[];
  socket: string;
  /** A folder that stands for `~`. */
  home: string;
}

/**
 * Logs in as a person does: `mcpctl authorize server NAME` prints a page, which a browser opens. The suite's authorization
 * servers agree to everything and send the browser back at once.
 *
 * @throws LoginRefused
 */
export async function logIn(name: string, { command, socket, home }: LoginOptions): Promise<void> {
  const child = Bun.spawn([...command, "authorize", "server", name], {
    env: { ...bareEnvironment, HOME: home, MCPCTL_SERVER: `unix://${socket}` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
  });
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  let shown = "";
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const before = shown.includes("\n");
    shown += decoder.decode(value, { stream: true });
    const page = URL.parse(shown.split("\n")[0]!);
    if (!before && shown.includes("\n") && page) await fetch(page).then((response) => response.text());
  }
  if ((await child.exited) !== 0) throw new LoginRefused((await errors).trim());
}
