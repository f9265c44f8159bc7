import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyFile } from "../../src/server/secrets/key-file.ts";

/** A master key that anybody may know. */
export const testKey = Buffer.alloc(32, "mcpctl").toString("base64");

/** A master key file in a folder, as a server takes it. */
export function keyFileIn(folder: string, text = `${testKey}\n`): KeyFile {
  const path = join(folder, "master-key");
  writeFileSync(path, text, { mode: 0o600 });
  return { path, fromSystemd: false };
}
