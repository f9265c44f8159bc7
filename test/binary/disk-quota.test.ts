import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { mcpctl } from "../support/binary.ts";
import { diskImage, fillUp, refusalOf, serverOnDisk } from "../support/disk.ts";
import { goodProvider, upstream } from "../support/upstream.ts";

/**
 * A disk with btrfs, of which the home is a subvolume with a quota of 8 MB: `mkfs.btrfs -M`, `btrfs quota enable`, `btrfs
 * subvolume create home`, `btrfs qgroup limit 8M home`. Quotas of ext4 and XFS are missing in many kernels.
 */
const disk = () => ({
  mount: 'mount -o loop,subvol=home "$HOME.image" "$HOME"',
  image: diskImage("quota.btrfs"),
});

// Failure mode 194
it("refuses writes with 507 while the quota of its disk is used up, answers reads, and recovers", async ({
  skip,
}) => {
  const refusal = refusalOf(disk());
  skip(refusal !== undefined, `this machine mounts no btrfs: ${refusal}`);
  const { server, admin, home, inside, ready } = await serverOnDisk(disk());
  const { url } = upstream(goodProvider);
  const llm = { name: "gpt", type: "openai", model: "up", url };
  expect((await admin("POST", "/api/v1/llms?probe=false", llm)).status).toBe(201);
  const grants = [{ role: "run", resource: "llms" }];
  const { token: bearer } = (await admin("POST", "/api/v1/tokens", { name: "t", roleBindings: grants })).body;

  const ballast = inside(join(home, "ballast"));
  expect(fillUp(ballast)).toBe("EDQUOT");
  // The room that the log of the database still has is used up first.
  const done: string[] = [];
  let refused = await admin("GET", "/healthz");
  for (let n = 0; refused.status !== 507 && n < 500; n++) {
    const project = { name: `p-${n}`, prompt: "x".repeat(50_000) };
    refused = await admin("POST", "/api/v1/projects", project);
    if (refused.status === 201) done.push(project.name);
  }
  const reason = "the disk quota is used up: nothing was written";
  expect(refused).toMatchObject({ status: 507, body: { code: "storage_full", error: reason } });
  const told = await mcpctl(`create group other --server unix://${inside(server.socketPath)}`);
  expect(told).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining(`error: ${reason}`) });
  const shown = (await admin("GET", "/api/v1/projects")).body;
  expect(shown.map(({ name }: { name: string }) => name).sort()).toEqual(done.sort());
  expect((await server.call("GET", "/v1/models", { bearer })).status).toBe(200);
  const call = { model: "gpt", messages: [{ role: "user", content: "hi" }] };
  const unanswered = await server.call("POST", "/v1/chat/completions", { bearer, body: call });
  expect(unanswered).toMatchObject({
    status: 507,
    body: { error: { code: "storage_full", message: reason } },
  });
  expect(unanswered.text).not.toContain("hello there");

  rmSync(ballast);
  expect((await admin("POST", "/api/v1/groups", { name: "later" })).status).toBe(201);
  expect((await server.call("POST", "/v1/chat/completions", { bearer, body: call })).status).toBe(200);
  await ready();
  server.kill("SIGTERM");
  expect(await server.ended).toBe(0);
  expect(server.said.stderr).toContain(`/.mcpctl/server/mcpctl.db: ${reason}`);
});
