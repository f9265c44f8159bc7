import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

export const hasNginx = Bun.which("nginx") !== null;

/**
 * A real nginx in front of a server, as it comes but for what is said here. It is gone at the end of the test.
 *
 * @param target the server's URL
 * @param lines go into `location / { … }`, next to `proxy_pass`
 * @returns its URL
 */
export async function nginx(
  target: string,
  lines: readonly string[] = [],
  { upstream }: { upstream?: string } = {},
): Promise<string> {
  const folder = temporaryFolder();
  const port = freePort();
  for (const place of ["client", "proxy", "fastcgi", "uwsgi", "scgi"]) mkdirSync(join(folder, place));
  const { host } = new URL(target);
  const config = `
daemon off;
master_process off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((place) => `${place}_temp_path ${folder}/${place.replace("_body", "")};`).join("\n  ")}
  ${upstream ? `upstream ${upstream} { server ${host}; }` : ""}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://${upstream ?? host};
      ${lines.join("\n      ")}
    }
  }
}
`;
  writeFileSync(join(folder, "nginx.conf"), config);
  const running = Bun.spawn(
    ["nginx", "-p", folder, "-e", join(folder, "error.log"), "-c", join(folder, "nginx.conf")],
    {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  let ended = false;
  void running.exited.then(() => {
    ended = true;
  });
  onTestFinished(async () => {
    running.kill("SIGKILL");
    await running.exited;
  });
  for (;;) {
    if (ended) throw new Error(`nginx ended: ${await new Response(running.stderr).text()}`);
    if (await listens(port)) return `http://127.0.0.1:${port}`;
    await Bun.sleep(10);
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } })).end();
    return true;
  } catch {
    return false;
  }
}
