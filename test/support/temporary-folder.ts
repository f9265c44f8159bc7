import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "./shared.ts";

/** Makes a folder for one test, or for the tests of a block. It is removed when they are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mcpctl-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
