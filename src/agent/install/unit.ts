import { join } from "node:path";

export const unitName = "mcpctl-agent.service";

/** By this first line a unit is known as one that mcpctl wrote. */
const mark =
  "# Written by `mcpctl agent install`. Changes belong into a drop-in: systemctl --user edit mcpctl-agent";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Where a user's unit goes; undefined when it cannot be told where this user's files are.
 *
 * @param env HOME and XDG_CONFIG_HOME are looked at
 */
export function unitPath(env: Env): string | undefined {
  // A relative one is to be ignored, as the XDG specification says.
  const config = env["XDG_CONFIG_HOME"]?.startsWith("/")
    ? env["XDG_CONFIG_HOME"]
    : env["HOME"] && join(env["HOME"], ".config");
  return config ? join(config, "systemd/user", unitName) : undefined;
}

/** Whether a unit's text was written here. */
export function isOurs(text: string): boolean {
  return text.startsWith(`${mark}\n`);
}

/**
 * The unit that runs the agent as a user's own service. It holds no token: the agent reads what `mcpctl login` left.
 * The packaged `packaging/systemd/mcpctl-agent.service` says the same.
 *
 * @param command the program and its first arguments, as absolute paths
 * @param home MCPCTL_HOME, where it is not the usual one
 */
export function unitText({ command, home }: { command: readonly string[]; home?: string }): string {
  const start = [...command.map((word) => quoted(word, "command")), "agent"].join(" ");
  const environment = home === undefined ? "" : `Environment=${quoted(`MCPCTL_HOME=${home}`, "variable")}\n`;
  return `${mark}
[Unit]
Description=mcpctl agent: publishes the models of this machine
After=network-online.target

[Service]
Type=notify
NotifyAccess=main
ExecStart=${start}
${environment}Restart=on-failure
RestartSec=5
# 2: the command line is wrong. 4: another agent has taken over, or the login is gone. Starting again mends neither.
RestartPreventExitStatus=2 4
# Models it has started get time to give their memory back; what is left of them goes with it.
TimeoutStopSec=60
KillMode=mixed
WatchdogSec=60
UMask=0077
LimitCORE=0
# No NoNewPrivileges and nothing that implies it: a wake command may be \`sudo systemctl start …\`.

[Install]
WantedBy=default.target
`;
}

/**
 * A word as systemd reads it back (systemd.syntax(7)): quoted where it has to be, `%` and, in commands, `$` doubled.
 */
function quoted(word: string, as: "command" | "variable"): string {
  const literal = word.replaceAll("%", "%%").replaceAll("$", () => (as === "command" ? "$$" : "$"));
  if (/^[\w/.:=@%$+,-]+$/.test(literal)) return literal;
  const escaped = literal.replace(/[\\"]/g, "\\$&").replace(/[\n\t]/g, (c) => (c === "\n" ? "\\n" : "\\t"));
  return `"${escaped}"`;
}
