import { rootCertificates } from "node:tls";
import type { Arch } from "./libc.ts";
import type { Edition } from "./man.ts";
import { gzip, type Member, sha256, tar } from "./tar.ts";

/** The user of the image: the one that images without a shell use for "nobody in particular". */
const user = 65532;

/** The parts of an image for one processor. */
export interface ImageSource {
  arch: Arch;
  program: Uint8Array;
  libc: readonly Member[];
  licences: readonly Member[];
}

interface Blob {
  mediaType: string;
  digest: string;
  size: number;
}

const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

/**
 * Makes an image as a tar of an OCI layout, which Podman, Docker, skopeo and containerd load. In it are the program, the C
 * library that it is linked with, and the certificates of authorities: no shell, no package manager, nothing else.
 */
export function imageLayout(
  sources: readonly ImageSource[],
  edition: Edition,
  commit: string,
): Uint8Array<ArrayBuffer> {
  const blobs = new Map<string, Uint8Array>();
  const store = (mediaType: string, content: Uint8Array | object): Blob => {
    const bytes = content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content));
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  };
  const manifests = sources.map((source) => {
    const files = tar(filesOf(source), edition.date);
    const layer = store(types.layer, gzip(files));
    const config = store(types.config, configOf(source.arch, sha256(files), edition, commit));
    const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] };
    return { ...store(types.manifest, manifest), platform: { architecture: source.arch, os: "linux" } };
  });
  const named = (blob: object) => ({
    ...blob,
    annotations: {
      "org.opencontainers.image.ref.name": `mcpctl:${edition.version}`,
    },
  });
  // One manifest for all processors, which a registry shows as one image.
  const all = { schemaVersion: 2, mediaType: types.index, manifests };
  const top = manifests.length === 1 ? manifests[0]! : store(types.index, all);
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [named(top)] };
  const members: Member[] = [
    { path: "oci-layout", content: JSON.stringify({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", content: JSON.stringify(index) },
    { path: "blobs/" },
    { path: "blobs/sha256/" },
    ...[...blobs].sort().map(([digest, content]) => ({ path: `blobs/sha256/${digest}`, content })),
  ];
  return tar(members, edition.date);
}

function filesOf({ program, libc, licences }: ImageSource): Member[] {
  const files: Member[] = [
    { path: "usr/bin/mcpctl", content: program, mode: 0o755 },
    { path: "usr/lib/mcpctl/package", content: "image\n" },
    ...libc,
    ...licences.map((one) => ({ ...one, path: `usr/share/doc/mcpctl/${one.path}` })),
    { path: "etc/ssl/certs/ca-certificates.crt", content: `${rootCertificates.join("\n")}\n` },
    { path: "etc/passwd", content: `mcpctl:x:${user}:${user}::/data:/nologin\n` },
    { path: "etc/group", content: `mcpctl:x:${user}:\n` },
    { path: "etc/nsswitch.conf", content: "hosts: files dns\n" },
    // Any user may have a folder of its own in it, which the server makes.
    { path: "data/", mode: 0o1777 },
    { path: "tmp/", mode: 0o1777 },
  ];
  const known = new Set(files.map(({ path }) => path));
  const folders = new Set(
    files.flatMap(({ path }) => {
      const parts = path.replace(/\/$/, "").split("/").slice(0, -1);
      return parts.map((_, at) => `${parts.slice(0, at + 1).join("/")}/`);
    }),
  );
  return [...[...folders].filter((path) => !known.has(path)).map((path) => ({ path })), ...files].sort(
    (a, b) => (a.path < b.path ? -1 : 1),
  );
}

function configOf(architecture: Arch, diffId: string, { version, date }: Edition, commit: string): object {
  const created = date.toISOString();
  return {
    created,
    architecture,
    os: "linux",
    config: {
      User: `${user}:${user}`,
      Entrypoint: ["/usr/bin/mcpctl"],
      Cmd: ["server"],
      Env: [
        "PATH=/usr/bin",
        "MCPCTL_LISTEN=0.0.0.0:7777",
        "MCPCTL_DATA_DIR=/data/mcpctl",
        "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
      ],
      WorkingDir: "/",
      ExposedPorts: { "7777/tcp": {} },
      Volumes: { "/data": {} },
      StopSignal: "SIGTERM",
      // Docker reads it. Times are in nanoseconds.
      Healthcheck: {
        Test: ["CMD", "/usr/bin/mcpctl", "status", "-o", "json"],
        Interval: 30e9,
        Timeout: 10e9,
        StartPeriod: 30e9,
        Retries: 3,
      },
      Labels: {
        "org.opencontainers.image.title": "mcpctl",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${diffId}`] },
    history: [{ created, created_by: "mcpctl scripts/release.ts" }],
  };
}
