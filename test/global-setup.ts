/** Nothing of the machine's own configuration reaches a test. */
export default function setup(): void {
  for (const name of [
    "MCPCTL_HOME",
    "MCPCTL_SERVER",
    "MCPCTL_TOKEN",
    "MCPD_URL",
    "MCPCTL_DATA_DIR",
    "MCPCTL_LISTEN",
  ])
    delete process.env[name];
}
