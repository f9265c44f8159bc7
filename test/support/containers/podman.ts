import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type LaunchHost, launchHost } from "../../../src/processes/launch/prepare.ts";

const busybox = "/bin/busybox";
const applets = "sh cat echo env grep ls sleep id wget dd head tr sed httpd".split(" ");

/** An MCP server in a shell: over stdin and stdout, or as a program of busybox's HTTP server. Its tool names its host. */
const mcpScript = `#!/bin/sh
answer() {
  id=$(echo "$1" | sed 's/.*"id":\\([^,}]*\\).*/\\1/')
  case $1 in
  *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"box"}}' ;;
  *'"tools/list"'*) result='{"tools":[{"name":"host","inputSchema":{"type":"object"}}]}' ;;
  *'"tools/call"'*) result="{\\"content\\":[{\\"type\\":\\"text\\",\\"text\\":\\"served by $(cat /etc/hostname)\\"}]}" ;;
  *'"id":'*) echo "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":$id,\\"error\\":{\\"code\\":-32601,\\"message\\":\\"unknown\\"}}"; return ;;
  *) return ;;
  esac
  echo "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":$id,\\"result\\":$result}"
}
if [ -n "$GATEWAY_INTERFACE" ]; then
  text=$(answer "$(head -c "$CONTENT_LENGTH")")
  if [ -n "$text" ]; then printf 'Content-Type: application/json\\r\\n\\r\\n%s' "$text"
  else printf 'Status: 202 Accepted\\r\\n\\r\\n'; fi
else
  while read -r line; do answer "$line"; done
fi
`;

/** An image of this machine, and a host whose only engine is Podman. */
export interface PodmanHost {
  host: LaunchHost;
  /** It has a shell, and the MCP server `/www/cgi-bin/mcp`, which `httpd -h /www` also serves. */
  image: string;
  /** The variables by which podman works here. */
  env: Record<string, string>;
  /** Runs podman. Returns what it writes to stdout. */
  podman(...args: string[]): string;
}

/**
 * Prepares Podman with an image that has a shell. Undefined where podman and a static busybox are not installed, or where
 * this machine cannot run containers: `apt-get install podman runc busybox-static`.
 */
export function podmanHost(): PodmanHost | undefined {
  const program = Bun.which("podman");
  if (program === null || !existsSync(busybox)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "mcpctl-podman-"));
  const config = join(folder, "containers.conf");
  // The usual limits of Podman are higher than a process without CAP_SYS_RESOURCE may set; crun knows no hybrid cgroups.
  const runtime =
    Bun.which("runc") === null ? "" : '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n';
  // A bridge needs programs of its own, and rules in this machine's firewall.
  const network = Bun.which("slirp4netns") === null ? "" : 'netns = "slirp4netns"\n';
  writeFileSync(
    config,
    `${runtime}[containers]\n${network}default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n`,
  );
  const env = { PATH: process.env["PATH"]!, HOME: process.env["HOME"]!, CONTAINERS_CONF: config };
  const run = (args: readonly string[], input?: Uint8Array) =>
    Bun.spawnSync([program, ...args], { env, ...(input && { stdin: input }), stderr: "pipe" });
  const image = `localhost/mcpctl-test-${process.pid}:1`;
  mkdirSync(join(folder, "root/bin"), { recursive: true });
  for (const name of applets) symlinkSync("busybox", join(folder, "root/bin", name));
  Bun.spawnSync(["cp", busybox, join(folder, "root/bin/busybox")]);
  mkdirSync(join(folder, "root/www/cgi-bin"), { recursive: true });
  writeFileSync(join(folder, "root/www/cgi-bin/mcp"), mcpScript, { mode: 0o755 });
  const archive = Bun.spawnSync(["tar", "-cC", join(folder, "root"), "bin", "www"]).stdout;
  const works =
    run(["import", "--change", "ENV PATH=/bin", "-", image], archive).success &&
    run(["run", "--rm", "--network", "none", "--memory", "64m", image, "/bin/echo"]).success;
  afterAll(() => {
    run(["rmi", "--force", image]);
    rmSync(folder, { recursive: true, force: true });
  });
  return works
    ? {
        host: launchHost(env),
        image,
        env: { CONTAINERS_CONF: config },
        podman: (...args) => run(args).stdout.toString(),
      }
    : undefined;
}
