import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerOptions } from "../../src/server/options.ts";
import { type TestServer, testServer } from "./server.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/**
 * Returns a function that starts a server over a copy of one database, with the facts about it. What is in the database is
 * made once, and takes longer than to copy it. For tests that change their server.
 */
export function copiedServer<T>(
  furnish: (server: TestServer) => Promise<T>,
): (options?: Partial<ServerOptions>) => Promise<{ server: TestServer; facts: T }> {
  let made: Promise<{ folder: string; facts: T }> | undefined;
  const make = async () => {
    const server = await testServer({ folder: mkdtempSync(join(tmpdir(), "copied-")) });
    const facts = await furnish(server);
    await server.stop();
    return { folder: server.folder, facts };
  };
  return async (options = {}) => {
    made ??= make();
    const { folder: original, facts } = await made;
    const folder = temporaryFolder();
    cpSync(original, folder, { recursive: true });
    return { server: await testServer({ ...options, folder }), facts };
  };
}
