import { generateKeyPairSync, sign } from "node:crypto";
import { onTestFinished } from "vitest";
import { gzip, sha256, tar } from "../../scripts/release/tar.ts";

/** A key that signs releases: its public part as `MCPCTL_UPDATE_KEY` has it. */
export function newReleaseKey(): { publicKey: string; sign(text: string): string } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    publicKey: publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64"),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString("base64"),
  };
}

/** A program of a version, as a script. */
export function scriptOf(version: string): string {
  return `#!/bin/sh\necho "mcpctl ${version} (commit 0, built today, bun 1)"\n`;
}

/** The archive of a release: one folder with the program and other files. */
export function archiveOf(
  version: string,
  program = scriptOf(version),
  platform = "linux-x64",
): Uint8Array<ArrayBuffer> {
  const folder = `mcpctl-${version}-${platform}`;
  const members = [
    { path: `${folder}/` },
    { path: `${folder}/LICENSE`, content: "free" },
    { path: `${folder}/completions/mcpctl.bash`, content: "x".repeat(3000) },
    { path: `${folder}/mcpctl`, content: program, mode: 0o755 },
    { path: `${folder}/systemd/mcpctl.service`, content: "[Unit]" },
  ];
  return gzip(tar(members, new Date(0)));
}

/** A folder on the web with a release, and the paths that were asked for. */
export interface PublishedFolder {
  url: string;
  /** The files by name; a function makes the whole response. */
  files: Record<string, string | Uint8Array<ArrayBuffer> | (() => Response | Promise<Response>)>;
  asked: string[];
  headers: Headers[];
}

/** Serves a release of a version for linux-x64 until the test is over. */
export function publishRelease(version: string, archive = archiveOf(version)): PublishedFolder {
  const name = `mcpctl-${version}-linux-x64.tar.gz`;
  const folder: PublishedFolder = {
    url: "",
    files: { SHA256SUMS: `${sha256(archive)}  ${name}\n`, [name]: archive },
    asked: [],
    headers: [],
  };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const path = new URL(request.url).pathname.replace(/^\/(latest\/)?/, "");
      folder.asked.push(path);
      folder.headers.push(request.headers);
      const file = folder.files[path];
      if (file === undefined) return new Response("not here", { status: 404 });
      return typeof file === "function" ? file() : new Response(file);
    },
  });
  onTestFinished(() => void server.stop(true));
  folder.url = `http://127.0.0.1:${server.port}/latest`;
  return folder;
}
