import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { ordinaryUser } from "../postgres.ts";

const program = Bun.which("pgbouncer", { PATH: `${process.env["PATH"]}:/usr/sbin` });

/** True if PgBouncer is installed: `apt-get install pgbouncer`. */
export const hasPgBouncer = program !== null;

/**
 * Starts a PgBouncer in transaction mode in front of a database; it is gone when the test is over. Fewer connections
 * lead to the database than come from its clients, so that the statements of one client meet several of them.
 *
 * @param url of the database, from `freshDatabase`
 * @param mode `transaction`, `session` or `statement`
 * @param more lines of its configuration
 * @param port of TCP, if the lines let it listen there; it is also part of the name of its Unix socket
 * @returns the URL through the pooler
 */
export async function pgBouncer(
  url: string,
  mode: "transaction" | "session" | "statement" = "transaction",
  more: readonly string[] = [],
  port = 6432,
): Promise<string> {
  const database = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), "mcpctl-pgbouncer-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "pgbouncer.ini");
  writeFileSync(
    file,
    `[databases]
* = host=${database.searchParams.get("host")} user=postgres
[pgbouncer]
pool_mode = ${mode}
default_pool_size = 4
auth_type = any
unix_socket_dir = ${folder}
listen_port = ${port}
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
${more.join("\n")}
`,
  );
  const user = ordinaryUser();
  if (user) for (const path of [folder, file]) chownSync(path, user.uid, user.gid);
  // It refuses to run as root. setpriv becomes the program, so that killing it kills the program.
  const become = user ? ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"] : [];
  const words = [...become, program!, "--quiet", file];
  const running = Bun.spawn(words, { stdio: ["ignore", "ignore", "pipe"], cwd: folder });
  onTestFinished(async () => {
    running.kill("SIGKILL");
    await running.exited;
  });
  const socket = join(folder, `.s.PGSQL.${port}`);
  const listens = () =>
    Bun.connect({ unix: socket, socket: { data() {} } }).then(
      (connection) => {
        connection.end();
        return true;
      },
      () => false,
    );
  await expect.poll(listens).toBe(true);
  return `postgres://postgres@localhost:${port}${database.pathname}?host=${folder}`;
}
