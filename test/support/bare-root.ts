import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { binary, freshFolder } from "./binary.ts";

/** A user that the root folder has no name for. */
export const bareRootUser = 65532;

/** A root folder with nothing but the program, its libraries, and what every container runtime mounts. */
export function bareRoot(): string {
  const root = freshFolder();
  chmodSync(root, 0o755);
  for (const name of ["proc", "dev", "data"]) mkdirSync(join(root, name));
  chownSync(join(root, "data"), bareRootUser, bareRootUser);
  copyFileSync(binary, join(root, "mcpctl"));
  const libraries = execFileSync("ldd", [binary], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  for (const library of libraries) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(realpathSync(library), join(root, library));
  }
  return root;
}
