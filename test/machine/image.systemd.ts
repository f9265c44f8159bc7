import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { imageLayout } from "../../scripts/release/image.ts";
import type { Member } from "../../scripts/release/tar.ts";
import { bareRoot } from "../support/bare-root.ts";
import { binary, freshFolder } from "../support/binary.ts";
import { podmanHost } from "../support/containers/podman.ts";

const found = podmanHost();
const { podman } = found ?? { podman: () => "" };
const version = "9.9.9";

/** The C library of this machine, in place of the one that a release downloads. */
function libcOfThisMachine(): Member[] {
  const root = bareRoot();
  const paths = Bun.spawnSync(["find", ".", "-type", "f", "-name", "*.so*"], { cwd: root }).stdout.toString();
  return paths
    .trim()
    .split("\n")
    .map((path) => ({ path: path.slice(2), content: readFileSync(join(root, path)), mode: 0o755 }));
}

/** Loads the image into Podman and returns its name. */
function load(): string {
  const source = { arch: "amd64", program: readFileSync(binary), licences: [] } as const;
  const edition = { version, date: new Date("2026-11-29T12:00:00Z") };
  const layout = imageLayout([{ ...source, libc: libcOfThisMachine() }], edition, "0123456789ab");
  const path = join(freshFolder(), "image.tar");
  writeFileSync(path, layout);
  return /Loaded image: (\S+)/.exec(podman("load", "--input", path))![1]!;
}

describe.skipIf(!found)("the image in Podman", () => {
  let image: string;
  afterAll(() => void (image && podman("rmi", "--force", image)));

  it("runs the server with a root that nobody can write, as any user, and ends in order", async () => {
    image = load();
    expect(image).toBe(`localhost/mcpctl:${version}`);
    const hardening = [
      "--read-only",
      "--cap-drop",
      "ALL",
      "--security-opt",
      "no-new-privileges",
      "--network",
      "none",
    ];
    for (const user of [[], ["--user", "12345:12345"]]) {
      const id = podman("run", "--detach", ...hardening, ...user, image).trim();
      onTestFinished(() => void podman("rm", "--force", "--volumes", "--time", "0", id));
      // The health check of the image.
      const { Healthcheck } = JSON.parse(podman("image", "inspect", image))[0].Config as {
        Healthcheck?: { Test: string[] };
      };
      const check = Healthcheck?.Test.slice(1) ?? ["/usr/bin/mcpctl", "status", "-o", "json"];
      await expect.poll(() => podman("exec", id, ...check)).toContain('"reachable": true');
      expect(podman("exec", id, "/usr/bin/mcpctl", "create", "project", "p")).toContain("created");
      podman("stop", "--time", "60", id);
      expect(podman("inspect", id, "--format", "{{.State.ExitCode}}").trim()).toBe("0");
    }
  }, 300_000);

  it("has no shell, and runs other verbs", () => {
    expect(podman("run", "--rm", image, "--version")).toMatch(/^mcpctl \d/);
    expect(podman("run", "--rm", "--entrypoint", "/bin/sh", image, "-c", "echo here")).toBe("");
    expect(podman("run", "--rm", "--network", "none", image, "upgrade")).toBe("");
  });
});
