import { AppError } from "../../../errors.ts";
import type { RpcNotification } from "../../../mcp/messages.ts";
import { HttpWire } from "../../../mcp/upstream/http-wire.ts";
import { stdioWire } from "../../../mcp/upstream/stdio.ts";
import { greet, type Upstream } from "../../../mcp/upstream/upstream.ts";
import type { Outbound } from "../../../net/outbound.ts";
import { startPiped } from "../../../processes/piped-process.ts";
import { version } from "../../../version.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";

/** mcpctl as servers see it. */
const client = { name: "mcpctl", version: version.version };

export interface InstanceOptions {
  server: McpServerRow;
  outbound: Outbound;
  onNotification(notification: RpcNotification): void;
  onClose(reason: Error): void;
  onLog(text: string): void;
}

/** Starts a server's process, or connects to its url, and greets it. */
export async function openInstance(options: InstanceOptions): Promise<Upstream> {
  const { server, outbound, onNotification, onClose, onLog } = options;
  const { url, command, sandbox, args = [], startSeconds } = server.spec;
  const events = { onNotification, onClose, onNoise: onLog };
  if (url !== undefined) {
    const wire = new HttpWire({ url: new URL(url), headers: {}, outbound }, events);
    return greet(wire, { client, timeout: startSeconds * 1000 });
  }
  if (command === undefined || sandbox !== "none")
    throw new AppError(
      "unavailable",
      "this version starts commands with sandbox: none, and no packages and images",
    );
  const child = startPiped({
    argv: [...command, ...args] as [string, ...string[]],
    cwd: "/tmp",
    env: { PATH: process.env["PATH"] ?? "" },
    onStderr: (bytes: Uint8Array) => onLog(new TextDecoder().decode(bytes)),
  } as never);
  const speaking = {
    stdout: child.stdout,
    write: (text: string) => child.write(text),
    stop: () => child.group.stop(),
  };
  return greet(stdioWire(speaking, events), { client, timeout: startSeconds * 1000 });
}
