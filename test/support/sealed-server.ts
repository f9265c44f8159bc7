import { Database } from "bun:sqlite";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { masterKey } from "../../src/backends/master-keys.ts";
import { type Answer, type BinaryServer, freshFolder, type ServerOptions, startBinary } from "./binary.ts";

export const isRoot = process.getuid?.() === 0;
/** Root may do anything, and a folder's mode tells it nothing; without these it is as anybody else. */
export const powerless = isRoot ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] : [];

/** A folder with nothing but a master key file in it, made as docs/secrets.md says. */
export function keyFolder(): { folder: string; path: string; key: string } {
  const folder = freshFolder();
  const made = Bun.spawnSync(["sh", "-c", "umask 077; openssl rand -base64 32 > master-key"], {
    cwd: folder,
  });
  if (!made.success) throw new Error(`openssl: ${made.stderr}`);
  const path = join(folder, "master-key");
  return { folder, path, key: readFileSync(path, "utf8").trim() };
}

/** A master key nobody else has, in base64. */
export function newKey(): string {
  return keyFolder().key;
}

/** Name of a master key in records and messages. */
export function idOf(key: string): string {
  return masterKey(Buffer.from(key, "base64")).id;
}

/** Puts a key on top of a master key file, as its owner does by hand. */
export function putOnTop(path: string, key: string): void {
  const below = readFileSync(path, "utf8");
  writeFileSync(path, `${key}\n${below}`);
}

/** The keys in a master key file, the current one first. */
export function keysIn(path: string): string[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** A server with a master key file. */
export function startWithKey(path: string, options: ServerOptions = {}): Promise<BinaryServer> {
  const env = { ...options.env, MCPCTL_MASTER_KEY_FILE: path };
  return startBinary({ ...options, env });
}

/** Exit code and messages of a server that must not start. */
export function startRefused(options: ServerOptions): Promise<string> {
  return startBinary(options).then(
    () => "it started",
    (error: Error) => error.message,
  );
}

/** Ends a server in good order: its log is folded into the database. */
export async function stop(server: BinaryServer): Promise<void> {
  server.kill("SIGTERM");
  const code = await server.ended;
  if (code !== 0) throw new Error(`the server ended with ${code}: ${server.said.stderr}`);
}

/** Ends a server by kill -9. */
export async function kill(server: BinaryServer): Promise<void> {
  server.kill("SIGKILL");
  await server.ended;
}

/** Has a server rotate its master key, and kills it as soon as something is so, or the rotation over. */
export async function killWhileRotating(server: BinaryServer, isSo: () => boolean): Promise<void> {
  let over = false;
  const rotating = server
    .admin("POST", "/api/v1/master-key/rotate")
    .catch(() => {})
    .finally(() => {
      over = true;
    });
  while (!isSo() && !over) await new Promise((resolve) => setImmediate(resolve));
  await kill(server);
  await rotating;
}

/** Makes the sealed backend `vault` the default. */
export async function makeVault(server: BinaryServer): Promise<void> {
  await answerOf(server, "POST", "/api/v1/secretbackends", {
    name: "vault",
    type: "sealed",
    isDefault: true,
  });
}

/** Makes secrets with one key `k` each, several at once. */
export async function makeSecrets(
  server: BinaryServer,
  values: Readonly<Record<string, string>>,
  backend = "vault",
): Promise<void> {
  await severalAtOnce(Object.entries(values), ([name, k]) =>
    answerOf(server, "POST", "/api/v1/secrets", { name, backend, data: { k } }),
  );
}

/** The values of secrets by name. A server keeps in memory what it has read once, and reads it from there. */
export async function valuesOf(
  server: BinaryServer,
  names: readonly string[],
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  await severalAtOnce(names, async (name) => {
    values[name] = (await answerOf(server, "GET", `/api/v1/secrets/${name}?reveal=true`)).data.k;
  });
  return values;
}

/** Response to a call that must succeed. */
export async function answerOf(
  server: BinaryServer,
  method: string,
  path: string,
  sent?: unknown,
): Promise<Answer["body"]> {
  const { status, text, body } = await server.admin(method, path, sent);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return body;
}

async function severalAtOnce<T>(list: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  const waiting = [...list];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}

/** For each sealed record of a database, the id of the master key that it wants. */
export function kidsIn(dataDir: string): string[] {
  using database = new Database(join(dataDir, "mcpctl.db"), { readonly: true });
  using query = database.query(
    "select json_extract(data, '$.kid') from secret_data where data like '%\"kid\"%'",
  );
  return query.values().map(([kid]) => kid as string);
}

/** Copies a server's database while it runs, as docs/install.md says. */
export function backUp(dataDir: string, folder: string): void {
  using database = new Database(join(dataDir, "mcpctl.db"));
  database.run("vacuum into ?", [join(folder, "mcpctl.db")]);
}

/** The files under a folder, copied as a thief would copy them, by their paths in it. */
export function copied(folder: string): Map<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path)]),
  );
}

/** Fingerprint of a copy: for each path, the hash of its bytes. */
export function hashes(files: ReadonlyMap<string, Buffer>): Record<string, string> {
  return Object.fromEntries([...files].map(([path, bytes]) => [path, Bun.SHA256.hash(bytes, "hex")]));
}

/** In which of the files a text is, or bytes are. */
export function holding(files: ReadonlyMap<string, Buffer>, wanted: string | Uint8Array): string[] {
  return [...files].filter(([, bytes]) => bytes.includes(wanted)).map(([path]) => path);
}

/**
 * Looks at what every process of the machine shows of itself, arguments and environment, again and again. None of it
 * is kept: others' business is in it too.
 *
 * @returns what ends it, and says which of the texts were there
 */
export function watchProcesses(texts: readonly string[]): () => Promise<Set<string>> {
  const found = new Set<string>();
  let watching = true;
  const look = async () => {
    while (watching) {
      for (const pid of readdirSync("/proc")) {
        if (!/^\d+$/.test(pid)) continue;
        const shown = shownBy(pid);
        for (const text of texts) if (shown.includes(text)) found.add(text);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const looked = look();
  return async () => {
    watching = false;
    await looked;
    return found;
  };
}

function shownBy(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return ""; // It is gone, or another user's.
  }
}
