import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";

/** Variables of mcpctl's own environment that a program gets. None of them holds a key or a password. */
const inherited = ["PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ"] as const;

/** Variables whose values are files of certificates, which a program behind a company's proxy needs. */
const certificates = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"] as const;

/** Variables of proxies, by which a launcher reaches its registry. One with a user or password stays with mcpctl. */
const proxies = /^(https?|all|no)_proxy$/i;

/** Used where mcpctl itself has none. */
const usualPath = "/usr/local/bin:/usr/bin:/bin";

/**
 * Variables that change the program that sets up the sandbox, and not only the one inside it: libraries that the linker
 * loads, options of Bun, marks of mcpctl (T146).
 */
const refused = /^(?:LD_|DYLD_|GLIBC_TUNABLES$|BUN_OPTIONS$|BUN_INSPECT|BUN_JSC_|BUN_CONFIG_|MCPCTL_)/;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The environment of a program, and the files that it names. */
export interface ProgramEnvironment {
  env: Record<string, string>;
  readable: string[];
}

/**
 * Makes the environment of a program: a short list, folders of its own for its home, caches and temporary files, and the
 * variables that its definition declares. Nothing else of mcpctl's environment is in it (T30).
 *
 * @param own mcpctl's environment
 * @param declared the variables of the definition, which win over the others
 * @param folder the program's own folder
 * @throws AppError `invalid_request` for a variable that a program may not have
 */
export function programEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  declared: Readonly<Record<string, string>>,
  folder: string,
): ProgramEnvironment {
  for (const [name, value] of Object.entries(declared)) checkVariable(name, value);
  const kept = (names: readonly string[]) =>
    names.flatMap((name): [string, string][] => (own[name] ? [[name, own[name]]] : []));
  const open = Object.keys(own).filter((name) => proxies.test(name) && !own[name]?.includes("@"));
  const files = kept(certificates).filter(([, path]) => existsSync(path));
  const env = {
    PATH: usualPath,
    ...Object.fromEntries([...kept(inherited), ...kept(open), ...files]),
    ...folderVariables(folder),
    ...declared,
  };
  return { env, readable: files.map(([, path]) => path) };
}

/**
 * Makes the environment of a program in a container: the declared variables, and those of its folder where it has one.
 * The image has a PATH and certificates of its own.
 *
 * @throws AppError `invalid_request` for a variable that a program may not have
 */
export function containerEnvironment(
  declared: Readonly<Record<string, string>>,
  folder: string | undefined,
): Record<string, string> {
  for (const [name, value] of Object.entries(declared)) checkVariable(name, value);
  return { ...(folder !== undefined && { ...folderVariables(folder), TMPDIR: "/tmp" }), ...declared };
}

function folderVariables(folder: string): Record<string, string> {
  return { ...ownFolders(folder), npm_config_update_notifier: "false" };
}

/** Makes the program's folder with its parts. Only the user of mcpctl can open it. */
export function makeProgramFolder(folder: string): void {
  for (const path of [folder, ...Object.values(ownFolders(folder))]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
}

/** Home, temporary files and the caches of the launchers. A cache that is shared would let one program change another. */
function ownFolders(folder: string): Record<string, string> {
  return {
    HOME: folder,
    TMPDIR: join(folder, "tmp"),
    XDG_CACHE_HOME: join(folder, ".cache"),
    npm_config_cache: join(folder, ".npm"),
    BUN_INSTALL_CACHE_DIR: join(folder, ".cache/bun"),
    UV_CACHE_DIR: join(folder, ".cache/uv"),
  };
}

function checkVariable(name: string, value: string): void {
  if (!variableName.test(name))
    throw new AppError("invalid_request", `"${name}" is not a name of a variable`, {
      hint: "write letters, digits and _, and no digit first",
    });
  if (refused.test(name))
    throw new AppError("invalid_request", `the variable ${name} cannot be set for a program`, {
      hint: "it would also change the program that sets up the sandbox",
    });
  if (value.includes("\0"))
    throw new AppError("invalid_request", `the value of the variable ${name} contains a NUL character`);
}
