import { Database } from "bun:sqlite";
import { join } from "node:path";
import postgres from "postgres";
import { expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { freshDatabase } from "../../../postgres.ts";
import { freshFolder } from "./folder.ts";

/** One line for each thing that both dialects have to have: what a database says about itself, in common words. */
type Facts = string[];

/** The table that only SQLite has: PostgreSQL writes the usage with each batch of events. */
const onlySqlite = "usage_through";

/** The tables that only PostgreSQL has: a file of SQLite belongs to one server. */
const onlyPostgres = /cluster_(?:nodes|instances)/;

const sqliteFacts = `
  with tables as (
    select name from pragma_table_list where schema = 'main' and name not like 'sqlite_%' and name <> '${onlySqlite}')
  select 'column ' || t.name || '.' || c.name || ' ' || lower(c.type)
      || case when c."notnull" then ' not null' else '' end || case when c.pk then ' key ' || c.pk else '' end
    from tables t, pragma_table_info(t.name) c
  union all
  select 'index ' || t.name || '(' || (
        select group_concat(name, ',') from (select name from pragma_index_info(i.name) order by seqno)
      ) || ')' || case when i."unique" then ' unique' else '' end || case when i.partial then ' partial' else '' end
    from tables t, pragma_index_list(t.name) i where i.origin <> 'pk'
  union all
  select 'foreign key ' || t.name || '.' || f."from" || ' to ' || f."table" || '.' || f."to" || ' on delete '
      || lower(f.on_delete)
    from tables t, pragma_foreign_key_list(t.name) f`;

const postgresFacts = `
  select 'column ' || c.table_name || '.' || c.column_name || ' '
      || case c.data_type when 'bigint' then 'integer' when 'boolean' then 'integer' when 'jsonb' then 'text'
           else c.data_type end
      || case when c.is_nullable = 'NO' then ' not null' else '' end
      || coalesce(' key ' || (
        select k.ordinal_position from information_schema.key_column_usage k
        join information_schema.table_constraints t using (constraint_schema, constraint_name)
        where t.constraint_type = 'PRIMARY KEY' and k.table_name = c.table_name and k.column_name = c.column_name
      ), '') as fact
    from information_schema.columns c where c.table_schema = 'public'
  union all
  select 'index ' || i.indrelid::regclass || '(' || (
        select string_agg(a.attname, ',' order by k.place)
        from unnest(i.indkey::int[]) with ordinality k (number, place)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
      ) || ')' || case when i.indisunique then ' unique' else '' end
      || case when i.indpred is not null then ' partial' else '' end
    from pg_index i join pg_class r on r.oid = i.indrelid
    where r.relnamespace = 'public'::regnamespace and not i.indisprimary
  union all
  select 'foreign key ' || f.conrelid::regclass || '.' || a.attname || ' to ' || f.confrelid::regclass || '.'
      || b.attname || ' on delete ' || case f.confdeltype when 'c' then 'cascade' when 'a' then 'no action' end
    from pg_constraint f
    join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
    join pg_attribute b on b.attrelid = f.confrelid and b.attnum = f.confkey[1]
    where f.contype = 'f'`;

async function ofSqlite(): Promise<Facts> {
  const path = join(freshFolder(), "mcpctl.db");
  await (await openStore({ path, now: Date.now })).close();
  using database = new Database(path, { readonly: true });
  return database.query(sqliteFacts).values().flat() as Facts;
}

async function ofPostgres(): Promise<Facts> {
  const url = await freshDatabase();
  await (await openStore({ url, now: Date.now })).close();
  const [base = "", query] = url.split("?");
  const sql = postgres(base, { host: new URLSearchParams(query).get("host") ?? "", max: 1 });
  const rows = await sql.unsafe<{ fact: string }[]>(postgresFacts);
  await sql.end();
  return rows.map(({ fact }) => fact);
}

it("both dialects have the same tables, columns, indexes and foreign keys", async () => {
  const [sqlite, other] = await Promise.all([ofSqlite(), ofPostgres()]);
  expect(other.filter((fact) => !onlyPostgres.test(fact)).sort()).toEqual(sqlite.sort());
  expect(sqlite.filter((fact) => onlyPostgres.test(fact))).toEqual([]);
  expect(sqlite).toContain("column resources.spec text not null");
  expect(sqlite).toContain("column refs.path text not null key 2");
  expect(sqlite).toContain("index resources(kind,scope,name) unique");
  expect(sqlite).toContain("index resources(kind) unique partial");
  expect(sqlite).toContain("foreign key refs.from_id to resources.id on delete cascade");
  expect(sqlite).toContain("foreign key refs.to_id to resources.id on delete no action");
});
