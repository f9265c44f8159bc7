import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./src/server/core/store/sqlite/schema.ts",
  out: "./drizzle/sqlite",
});
