import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { isWithin } from "./paths.ts";

const folders = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/nix/store",
  "/gnu/store",
] as const;

/** Parts of /etc that programs need for names, time, libraries and certificates. No keys or passwords are in them. */
const files = [
  "/etc/alternatives",
  "/etc/ca-certificates",
  "/etc/crypto-policies",
  "/etc/fonts",
  "/etc/gai.conf",
  "/etc/group",
  "/etc/host.conf",
  "/etc/hosts",
  "/etc/ld.so.cache",
  "/etc/ld.so.conf",
  "/etc/ld.so.conf.d",
  "/etc/ld-musl-x86_64.path",
  "/etc/ld-musl-aarch64.path",
  "/etc/localtime",
  "/etc/mime.types",
  "/etc/nsswitch.conf",
  "/etc/os-release",
  "/etc/passwd",
  "/etc/pki/ca-trust/extracted",
  "/etc/pki/tls/certs",
  "/etc/protocols",
  "/etc/resolv.conf",
  "/etc/services",
  "/etc/ssl/cert.pem",
  "/etc/ssl/certs",
  "/etc/ssl/openssl.cnf",
  "/etc/timezone",
] as const;

/** Returns the folders of the system's programs, and the target of those that are links, as `/bin` to `usr/bin`. */
export function systemFolders(): [path: string, target: string | undefined][] {
  return folders.flatMap((path): [string, string | undefined][] => {
    if (!existsSync(path)) return [];
    return [[path, lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined]];
  });
}

/** Returns the files of /etc that every program may read. */
export function systemFiles(): string[] {
  return files.filter((path) => existsSync(path));
}

/** True for a path that every sandbox shows because it is part of the system's programs. */
export function isOfSystem(path: string): boolean {
  return folders.some((folder) => isWithin(path, folder));
}
