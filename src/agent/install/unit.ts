import { join } from "node:path";

export const unitName = "mcpctl-agent.service";

/** The first line of a unit that mcpctl wrote. */
const mark =
  "# Written by `mcpctl agent install`. Changes belong into a drop-in: systemctl --user edit mcpctl-agent";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Returns the path of the user's unit; undefined when the folder of the user's files is unknown.
 *
 * @param env contains HOME, or XDG_CONFIG_HOME
 */
export function unitPath(env: Env): string | undefined {
  // The XDG specification says that a relative path is to be ignored.
  const config = env["XDG_CONFIG_HOME"]?.startsWith("/")
    ? env["XDG_CONFIG_HOME"]
    : env["HOME"] && join(env["HOME"], ".config");
  return config ? join(config, "systemd/user", unitName) : undefined;
}

/** True if mcpctl wrote a unit. */
export function isOurs(text: string): boolean {
  return text.startsWith(`${mark}\n`);
}

/**
 * Returns the unit that runs the agent as a service of the user. It contains no token: the agent reads the one that
 * `mcpctl login` has stored. `packaging/systemd/mcpctl-agent.service` is the same unit.
 *
 * @param command the program and its first arguments, as absolute paths
 * @param home MCPCTL_HOME, if it is not the default
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
# 2: the command line is wrong. 4: another agent has taken over, or the login is gone. A restart helps in neither case.
RestartPreventExitStatus=2 4
# Models that the agent has started get time to free their memory; processes that are left are killed.
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
 * Quotes a word for systemd (systemd.syntax(7)): in quotation marks if needed, with `%` and, in commands, `$` doubled.
 */
function quoted(word: string, as: "command" | "variable"): string {
  const literal = word.replaceAll("%", "%%").replaceAll("$", () => (as === "command" ? "$$" : "$"));
  if (/^[\w/.:=@%$+,-]+$/.test(literal)) return literal;
  const escaped = literal.replace(/[\\"]/g, "\\$&").replace(/[\n\t]/g, (c) => (c === "\n" ? "\\n" : "\\t"));
  return `"${escaped}"`;
}
