import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { postgresSettings } from "../../../../../src/server/core/store/postgres/settings.ts";
import { freshFolder } from "../folder.ts";

const base = {
  hosts: [{ host: "db", port: 5432 }],
  user: undefined,
  password: "",
  database: undefined,
  tls: { mode: "prefer" },
  connectTimeout: 10,
  session: { application_name: "mcpctl" },
};

it.each([
  ["postgres://db", {}, {}],
  [
    "postgresql://me:p%40ss:w@db:5433/data",
    {},
    { hosts: [{ host: "db", port: 5433 }], user: "me", password: "p@ss:w", database: "data" },
  ],
  [
    "postgres://me@[::1]:5433/data",
    {},
    { hosts: [{ host: "::1", port: 5433 }], user: "me", database: "data" },
  ],
  [
    "postgres://a:1,b:2/data",
    {},
    {
      hosts: [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
      ],
      database: "data",
    },
  ],
  [
    "postgres:///data?host=/run/postgresql&port=6432",
    {},
    { hosts: [{ path: "/run/postgresql/.s.PGSQL.6432" }], database: "data" },
  ],
  ["postgres://%2Frun%2Fpg/data", {}, { hosts: [{ path: "/run/pg/.s.PGSQL.5432" }], database: "data" }],
  [
    "postgres://db?sslmode=require&connect_timeout=3&application_name=x&options=-c%20a%3Db&search_path=own",
    {},
    {
      tls: { mode: "require" },
      connectTimeout: 3,
      session: { application_name: "x", options: "-c a=b", search_path: "own" },
    },
  ],
  [
    "postgres://",
    { PGHOST: "db", PGPORT: "1", PGUSER: "u", PGPASSWORD: "p", PGDATABASE: "d", PGSSLMODE: "verify-full" },
    {
      hosts: [{ host: "db", port: 1 }],
      user: "u",
      password: "p",
      database: "d",
      tls: { mode: "verify-full" },
    },
  ],
  [
    "postgres://me@db/data?sslmode=disable",
    { PGHOST: "other", PGUSER: "other", PGSSLMODE: "require", PGTARGETSESSIONATTRS: "any", PGTZ: "UTC" },
    { user: "me", database: "data", tls: { mode: "disable" } },
  ],
  ["postgres://db?sslrootcert=system", {}, { tls: { mode: "verify-full" } }],
])("%s with %o", (url, env, expected) => {
  expect(postgresSettings(url, env)).toEqual({ ...base, ...expected });
});

it("sslrootcert makes sslmode=require check the authority, as libpq does", () => {
  const file = join(freshFolder(), "ca.pem");
  writeFileSync(file, "a certificate");
  const { tls } = postgresSettings(`postgres://db?sslmode=require&sslrootcert=${file}`, {});
  expect(tls).toEqual({ mode: "verify-ca", ca: "a certificate" });
});

it.each([
  ["postgres://me:marked@db/x?sslmod=require", {}, 'the parameter "sslmod"'],
  ["postgres://me:marked@db/x?ssl=true", {}, 'the parameter "ssl"'],
  ["postgres://me:marked@db/x?sslmode=allow", {}, 'sslmode is "allow"'],
  ["postgres://me:marked@db/x", { PGSSLMODE: "yes" }, 'sslmode is "yes"'],
  ["postgres://me:marked@db/x?target_session_attrs=standby", {}, "target_session_attrs is standby"],
  ["postgres://me:marked@db/x?sslcert=/a", {}, "sslcert and sslkey need each other"],
  ["postgres://me:marked@db/x?sslrootcert=/none/such", {}, "cannot read sslrootcert /none/such: ENOENT"],
  ["postgres://me:marked@db/x?connect_timeout=soon", {}, "connect_timeout"],
  ["postgres://me:marked@db:99999/x", {}, "port"],
  ["postgres://me:marked@a,b,c/x?port=1,2", {}, "3 hosts of the database and 2 ports"],
  ["postgres://me:marked@:::/x", {}, "is not the URL"],
  ["mysql://me:marked@db/x", {}, "is not the URL"],
  ["postgres://me:marked%ZZ@db/x", {}, "is not the URL"],
  ["postgres://db/x", { PGSERVICE: "prod" }, "PGSERVICE is set"],
  ["postgres://db/x", { PGPASSFILE: "/x" }, "PGPASSFILE is set"],
  ["postgres://db/x", { PGCHANNELBINDING: "require" }, "PGCHANNELBINDING is set"],
])("%s with %o is refused by name, without the password", (url, env, message) => {
  let error: unknown;
  try {
    postgresSettings(url, env);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ name: "AppError", message: expect.stringContaining(message) });
  expect(Bun.inspect(error).replaceAll(url, "")).not.toContain("marked");
});
