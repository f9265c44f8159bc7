import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Nothing of the machine's own configuration reaches a test, and nothing of the tests stays: their temporary folders are
 * in one of the run, which is removed at its end. Its path is short, because Unix sockets are in it.
 */
export default function setup(): () => void {
  for (const name of [
    "MCPCTL_HOME",
    "MCPCTL_SERVER",
    "MCPCTL_TOKEN",
    "MCPD_URL",
    "MCPCTL_DATA_DIR",
    "MCPCTL_LISTEN",
  ])
    delete process.env[name];
  const folder = mkdtempSync(join(tmpdir(), "t-"));
  // Tests start programs of other users too, PostgreSQL among them.
  chmodSync(folder, 0o711);
  process.env["TMPDIR"] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
