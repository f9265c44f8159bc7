import { join } from "node:path";

/** Returns the data folders in which the command line looks for the socket of a server, in this order. */
export function usualDataFolders(home: string): string[] {
  return [join(home, "server"), "/var/lib/mcpctl"];
}

/**
 * Tells whether a program listens on a Unix socket that this user may open.
 *
 * @returns false too when there is no such file, or when a killed program has left it behind
 */
export async function acceptsConnections(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {}, error() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
