import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { freshFolder, mcpctl, send, startBinary } from "../support/binary.ts";
import { goodProvider, upstream } from "../support/upstream.ts";

/** A mount of one's own, and gone with the process, is something that Linux gives to anybody, unless forbidden. */
const mountable = Bun.spawnSync(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).success;

/** A server whose disk has two megabytes, seen from outside of its mounts. */
async function serverOnSmallDisk() {
  const home = freshFolder();
  const script = 'mount -t tmpfs -o size=2m none "$HOME" && exec "$@"';
  const server = await startBinary({ home, cwd: "/", before: ["unshare", "-rm", "sh", "-c", script, "sh"] });
  const inside = (path: string) => `/proc/${server.pid}/root${path}`;
  const ballast = inside(join(home, "ballast"));
  return {
    server,
    admin: (method: string, path: string, body?: unknown) =>
      send("http://localhost", inside(server.socketPath), method, path, { body }),
    /** Writes until nothing more goes in. */
    fill() {
      for (let size = 65_536; size > 0; size >>= 4) {
        try {
          for (;;) writeFileSync(ballast, Buffer.alloc(size), { flag: "a" });
        } catch (error) {
          expect((error as { code?: string }).code).toBe("ENOSPC");
        }
      }
    },
    free: () => rmSync(ballast),
    cli: (line: string) => mcpctl(`${line} --server unix://${inside(server.socketPath)}`),
  };
}

it.runIf(mountable)(
  "refuses writes with 507 while the disk is full, answers reads, and recovers (T71)",
  async () => {
    const { server, admin, fill, free, cli } = await serverOnSmallDisk();
    const { url, seen } = upstream(goodProvider);
    const llm = { name: "gpt", type: "openai", model: "up", url };
    expect((await admin("POST", "/api/v1/llms?probe=false", llm)).status).toBe(201);
    const grants = [{ role: "run", resource: "llms" }];
    const { token: bearer } = (await admin("POST", "/api/v1/tokens", { name: "t", roleBindings: grants }))
      .body;
    expect((await admin("POST", "/api/v1/groups", { name: "before" })).status).toBe(201);

    fill();
    const prompt = "x".repeat(50_000);
    const refused = await admin("POST", "/api/v1/projects", { name: "big", prompt });
    expect(refused).toMatchObject({
      status: 507,
      body: { code: "storage_full", error: expect.stringMatching(/full/) },
    });
    expect(refused.text).not.toMatch(/SQLITE|ENOSPC| at /);
    // A few bytes that are left in the log of the database are used up first.
    let status = 201;
    for (let n = 0; status === 201; n++)
      status = (await admin("POST", "/api/v1/groups", { name: `filler-${n}` })).status;
    expect(status).toBe(507);
    expect((await admin("PUT", "/api/v1/groups/before", { members: ["admin"] })).status).toBe(507);
    const told = await cli("create group other");
    expect(told).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^error: .*full.*\n/) });

    expect((await admin("GET", "/api/v1/groups/before")).body).toMatchObject({ version: 1, members: [] });
    const during = (await admin("GET", "/api/v1/groups")).body.map(({ name }: { name: string }) => name);
    expect(during).toContain("before");
    expect(during).not.toContain("other");
    expect((await cli("get projects -o json")).stdout).toBe("[]\n");
    for (const path of ["/healthz", "/readyz"]) expect((await server.call("GET", path)).text).toBe("ok\n");
    expect((await server.call("GET", "/v1/models", { bearer })).status).toBe(200);
    const call = { model: "gpt", messages: [{ role: "user", content: "hi" }] };
    // A call that cannot be recorded is not answered.
    const unanswered = await server.call("POST", "/v1/chat/completions", { bearer, body: call });
    expect(unanswered).toMatchObject({ status: 507, body: { error: { code: "storage_full" } } });
    expect(unanswered.text).not.toContain("hello there");
    // The next one is not made, and so not paid for (failure mode 207).
    const calls = seen.length;
    expect((await server.call("POST", "/v1/chat/completions", { bearer, body: call })).status).toBe(507);
    expect(seen).toHaveLength(calls);

    free();
    expect((await admin("POST", "/api/v1/projects", { name: "big", prompt })).status).toBe(201);
    expect((await server.call("POST", "/v1/chat/completions", { bearer, body: call })).status).toBe(200);
    expect((await admin("DELETE", "/api/v1/groups/before")).status).toBe(204);
    server.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    expect(server.said.stderr).not.toContain("ERROR");
  },
);
