import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/**
 * The last step of `bun run generate`. drizzle-kit cannot make SQLite tables STRICT, so this does. It names the schema
 * "public" of PostgreSQL, which this takes out: the tables belong into the first schema of the search path. And it
 * writes the list of migrations that the executable carries, as plain TypeScript, because an import of a `.sql`
 * file means one thing to Bun and another to vitest.
 */
for (const dialect of ["sqlite", "postgres"]) {
  const folder = new URL(`${dialect}/`, import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  const entries = files.sort().map((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const finished =
      dialect === "sqlite"
        ? text.replaceAll("`", '"').replaceAll("\n);", "\n) STRICT;")
        : text.replaceAll('"public".', "");
    writeFileSync(new URL(file, folder), finished);
    const literal = finished.replace(/[`\\]|\$\{/g, "\\$&");
    return `  {\n    name: "${file.slice(0, -".sql".length)}",\n    sql: \`${literal}\`,\n  },\n`;
  });
  writeFileSync(
    new URL("migrations.ts", folder),
    `/** Written by drizzle/embed.ts from the .sql files next to it. */\nexport const migrations = [\n${entries.join("")}];\n`,
  );
}
