import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imageLayout } from "../../../scripts/release/image.ts";
import { sha256 } from "../../../scripts/release/tar.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const edition = { version: "1.2.3", date: new Date("2026-11-29T12:00:00Z") };
const source = (arch: "amd64" | "arm64") => ({
  arch,
  program: new TextEncoder().encode("program"),
  libc: [{ path: "lib/libc.so.6", content: "libc", mode: 0o755 }],
  licences: [{ path: "LICENSE", content: "free" }],
});
const layout = (...archs: ("amd64" | "arm64")[]) => imageLayout(archs.map(source), edition, "abc");

/** Unpacks the image and returns a reader of its blobs, which checks their digests. */
function unpacked(bytes: Uint8Array) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "image.tar"), bytes);
  Bun.spawnSync(["tar", "xf", "image.tar"], { cwd: folder });
  const blob = (digest: string) => {
    const content = readFileSync(join(folder, "blobs", digest.replace(":", "/")));
    expect(`sha256:${sha256(content)}`).toBe(digest);
    return content;
  };
  const json = (digest: string) => JSON.parse(blob(digest).toString());
  return { folder, blob, json, index: JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) };
}

describe("the image", () => {
  it("is an OCI layout with an index of both processors, and the same bytes each time", () => {
    const { folder, index, json } = unpacked(layout("amd64", "arm64"));
    expect(JSON.parse(readFileSync(join(folder, "oci-layout"), "utf8"))).toEqual({
      imageLayoutVersion: "1.0.0",
    });
    expect(index.manifests).toHaveLength(1);
    const all = json(index.manifests[0].digest);
    expect(all.manifests.map((one: { platform: object }) => one.platform)).toEqual([
      { architecture: "amd64", os: "linux" },
      { architecture: "arm64", os: "linux" },
    ]);
    expect(sha256(layout("amd64", "arm64"))).toBe(sha256(layout("amd64", "arm64")));
  });

  it("runs the server as a user without rights, with a health check, and says which commit it is of", () => {
    const { index, json, blob } = unpacked(layout("amd64"));
    const { config, layers } = json(index.manifests[0].digest);
    const image = json(config.digest);
    expect(image.config).toMatchObject({
      User: "65532:65532",
      Entrypoint: ["/usr/bin/mcpctl"],
      Cmd: ["server"],
      StopSignal: "SIGTERM",
      Healthcheck: { Test: ["CMD", "/usr/bin/mcpctl", "status", "-o", "json"] },
    });
    expect(image.created).toBe("2026-11-29T12:00:00.000Z");
    expect(image.config.Labels["org.opencontainers.image.revision"]).toBe("abc");
    const files = Bun.gunzipSync(new Uint8Array(blob(layers[0].digest)));
    expect(image.rootfs.diff_ids).toEqual([`sha256:${sha256(files)}`]);
  });

  it("has the program, its library, certificates, and no shell", () => {
    const { index, json, blob } = unpacked(layout("amd64"));
    const folder = temporaryFolder();
    mkdirSync(join(folder, "root"));
    const layer = blob(json(index.manifests[0].digest).layers[0].digest);
    const list = Bun.spawnSync(["tar", "tzf", "-"], { stdin: new Uint8Array(layer) }).stdout.toString();
    const paths = list.trim().split("\n");
    expect(paths).toEqual(
      expect.arrayContaining([
        "usr/bin/mcpctl",
        "lib/libc.so.6",
        "etc/ssl/certs/ca-certificates.crt",
        "data/",
        "tmp/",
      ]),
    );
    // A folder comes before what is in it.
    for (const path of paths) {
      const above = path.replace(/[^/]+\/?$/, "");
      if (above !== "") expect(paths.indexOf(above)).toBeLessThan(paths.indexOf(path));
    }
    expect(paths.filter((path) => /bin\//.test(path) && !/bin\/(mcpctl)?$/.test(path))).toEqual([]);
  });
});
