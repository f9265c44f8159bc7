/** The data folder of a server that the system runs. The command line looks for a socket there. */
export const systemDataFolder = "/var/lib/mcpctl";

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
