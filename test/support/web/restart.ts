import { type TestServer, testServer } from "../server.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** A server that can be started again on its port with its data. */
export async function restartableServer(): Promise<{ server: TestServer; restart(): Promise<TestServer> }> {
  const folder = temporaryFolder();
  const server = await testServer({ folder });
  const port = Number(new URL(server.url).port);
  return {
    server,
    restart: () => testServer({ folder, listen: { hostname: "127.0.0.1", port } }),
  };
}
