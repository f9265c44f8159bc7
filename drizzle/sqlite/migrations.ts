/** Written by drizzle/embed.ts from the .sql files next to it. */
export const migrations = [
  {
    name: "0000_tables",
    sql: `CREATE TABLE "audit_events" (
	"id" integer PRIMARY KEY NOT NULL,
	"at" integer NOT NULL,
	"action" text NOT NULL,
	"request_id" text NOT NULL,
	"user_id" text,
	"token_id" text,
	"status" integer NOT NULL,
	"llm" text,
	"pool_member" text,
	"model" text,
	"type" text,
	"dialect" text,
	"streaming" integer,
	"duration_ms" integer,
	"ttft_ms" integer,
	"prompt_tokens" integer,
	"completion_tokens" integer,
	"cached_tokens" integer,
	"error" text,
	"detail" text
) STRICT;
--> statement-breakpoint
CREATE TABLE "changes" (
	"revision" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"operation" text NOT NULL,
	"at" integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE "credentials" (
	"resource_id" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"hash" text NOT NULL,
	"last_used_at" integer,
	FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX "credentials_bearer" ON "credentials" ("hash") WHERE "type" = 'bearer';--> statement-breakpoint
CREATE TABLE "refs" (
	"from_id" text NOT NULL,
	"path" text NOT NULL,
	"to_id" text NOT NULL,
	"on_delete" text NOT NULL,
	PRIMARY KEY("from_id", "path"),
	FOREIGN KEY ("from_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY ("to_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE INDEX "refs_to_id" ON "refs" ("to_id");--> statement-breakpoint
CREATE TABLE "resources" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"scope" text NOT NULL,
	"name" text NOT NULL,
	"owner" text,
	"visibility" text,
	"spec" text NOT NULL,
	"status" text NOT NULL,
	"version" integer NOT NULL,
	"created_at" integer NOT NULL,
	"updated_at" integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX "resources_kind_scope_name" ON "resources" ("kind","scope","name");--> statement-breakpoint
CREATE UNIQUE INDEX "resources_one_default_backend" ON "resources" ("kind") WHERE "kind" = 'secretbackend' and json_extract("spec", '$.isDefault') = 1;--> statement-breakpoint
CREATE TABLE "secret_data" (
	"ref" text PRIMARY KEY NOT NULL,
	"data" text NOT NULL,
	"created_at" integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"user_id" text NOT NULL,
	"created_at" integer NOT NULL,
	"expires_at" integer NOT NULL,
	FOREIGN KEY ("user_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_hash" ON "sessions" ("hash");--> statement-breakpoint
CREATE INDEX "sessions_user_id" ON "sessions" ("user_id");`,
  },
  {
    name: "0001_secret_backends",
    sql: `CREATE TABLE "secret_orphans" (
	"ref" text PRIMARY KEY NOT NULL,
	"backend_id" text NOT NULL,
	"doomed" integer NOT NULL,
	"at" integer NOT NULL
) STRICT;
--> statement-breakpoint
ALTER TABLE "secret_data" ADD "backend_id" text DEFAULT '' NOT NULL;--> statement-breakpoint
-- Until now nothing but this table held secrets, and what no secret pointed at was a leftover.
DELETE FROM "secret_data" WHERE "ref" NOT IN (
	SELECT json_extract("status", '$.externalRef') FROM "resources" WHERE "kind" = 'secret');
--> statement-breakpoint
UPDATE "secret_data" SET "backend_id" = (
	SELECT "backend"."id" FROM "resources" AS "secret"
	JOIN "resources" AS "backend"
		ON "backend"."kind" = 'secretbackend' AND "backend"."name" = json_extract("secret"."spec", '$.backend')
	WHERE "secret"."kind" = 'secret' AND json_extract("secret"."status", '$.externalRef') = "secret_data"."ref");
`,
  },
  {
    name: "0002_usage",
    sql: `CREATE TABLE "usage" (
	"day" text NOT NULL,
	"user_id" text NOT NULL,
	"token_id" text NOT NULL,
	"llm" text NOT NULL,
	"requests" integer NOT NULL,
	"errors" integer NOT NULL,
	"prompt_tokens" integer NOT NULL,
	"completion_tokens" integer NOT NULL,
	"cached_tokens" integer NOT NULL,
	"cost_micros" integer NOT NULL,
	PRIMARY KEY("day", "user_id", "token_id", "llm")
) STRICT;
--> statement-breakpoint
ALTER TABLE "audit_events" ADD "cost_micros" integer;`,
  },
  {
    name: "0003_links",
    sql: `CREATE TABLE "provider_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"machine_id" text,
	"boot_id" text,
	"protocol" integer NOT NULL,
	"epoch" integer NOT NULL,
	"created_at" integer NOT NULL,
	"seen_at" integer NOT NULL,
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "provider_sessions_owner_id" ON "provider_sessions" ("owner_id");--> statement-breakpoint
CREATE TABLE "thread_messages" (
	"thread_id" text NOT NULL,
	"seq" integer NOT NULL,
	"message" text NOT NULL,
	"at" integer NOT NULL,
	PRIMARY KEY("thread_id", "seq"),
	FOREIGN KEY ("thread_id") REFERENCES "threads"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE TABLE "threads" (
	"id" text PRIMARY KEY NOT NULL,
	"agent_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"title" text NOT NULL,
	"created_at" integer NOT NULL,
	"updated_at" integer NOT NULL,
	FOREIGN KEY ("agent_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "threads_agent_id" ON "threads" ("agent_id");--> statement-breakpoint
CREATE INDEX "threads_owner_id" ON "threads" ("owner_id");`,
  },
  {
    name: "0004_usage_through",
    sql: `CREATE TABLE "usage_through" (
	"row" integer NOT NULL
) STRICT;
--> statement-breakpoint
-- Until now each event was summed up when it was written.
INSERT INTO "usage_through" SELECT coalesce(max("id"), 0) FROM "audit_events";
`,
  },
  {
    name: "0005_provider_objects",
    sql: `CREATE TABLE "provider_objects" (
	"owner_id" text NOT NULL,
	"id" text NOT NULL,
	"llm_id" text NOT NULL,
	"place" text NOT NULL,
	"at" integer NOT NULL,
	"expires_at" integer NOT NULL,
	PRIMARY KEY("owner_id", "id"),
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY ("llm_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "provider_objects_llm_id" ON "provider_objects" ("llm_id");--> statement-breakpoint
CREATE INDEX "provider_objects_expires_at" ON "provider_objects" ("expires_at");--> statement-breakpoint
ALTER TABLE "usage" ADD "unpriced" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD "images" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD "seconds" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD "characters" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD "searches" integer DEFAULT 0 NOT NULL;`,
  },
  {
    name: "0006_token_names",
    sql: `DROP INDEX "resources_kind_scope_name";--> statement-breakpoint
CREATE UNIQUE INDEX "resources_names" ON "resources" ("kind","scope","name",(case when "kind" = 'token' and "owner" is not null then "owner" else '' end));`,
  },
  {
    name: "0007_impersonation",
    sql: `ALTER TABLE "sessions" ADD "impersonator_id" text REFERENCES resources(id) ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "sessions" ADD "impersonator_session_id" text;`,
  },
  {
    name: "0008_background_answers",
    sql: `ALTER TABLE "provider_objects" ADD "pending" text;`,
  },
  {
    name: "0009_former_names",
    sql: `CREATE TABLE "former_names" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"owner" text,
	"created_at" integer NOT NULL,
	"deleted_at" integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX "former_names_name" ON "former_names" ("kind","name");--> statement-breakpoint
CREATE INDEX "former_names_deleted_at" ON "former_names" ("deleted_at");--> statement-breakpoint
INSERT OR IGNORE INTO "former_names" SELECT json_extract("detail", '$.id'), json_extract("detail", '$.kind'), json_extract("detail", '$.name'), NULL, 0, "at" FROM "audit_events" WHERE "action" = 'delete' AND json_extract("detail", '$.id') IS NOT NULL AND json_extract("detail", '$.kind') IS NOT NULL AND json_extract("detail", '$.name') IS NOT NULL;`,
  },
  {
    name: "0010_tasks",
    sql: `CREATE TABLE "inference_batches" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"token_id" text NOT NULL,
	"form" text NOT NULL,
	"operation" text NOT NULL,
	"llm" text NOT NULL,
	"state" text NOT NULL,
	"input_file_id" text NOT NULL,
	"output_file_id" text NOT NULL,
	"error_file_id" text NOT NULL,
	"metadata" text NOT NULL,
	"errors" text NOT NULL,
	"total" integer NOT NULL,
	"completed" integer NOT NULL,
	"failed" integer NOT NULL,
	"cancelled" integer NOT NULL,
	"expired" integer NOT NULL,
	"runner" text NOT NULL,
	"created_at" integer NOT NULL,
	"started_at" integer,
	"cancelling_at" integer,
	"finalizing_at" integer,
	"ended_at" integer,
	"expires_at" integer NOT NULL,
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "inference_batches_owner_id" ON "inference_batches" ("owner_id");--> statement-breakpoint
CREATE INDEX "inference_batches_state" ON "inference_batches" ("state");--> statement-breakpoint
CREATE TABLE "inference_tasks" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"token_id" text NOT NULL,
	"batch_id" text,
	"seq" integer NOT NULL,
	"custom_id" text NOT NULL,
	"operation" text NOT NULL,
	"llm" text NOT NULL,
	"state" text NOT NULL,
	"request" text NOT NULL,
	"answer" text,
	"status" integer,
	"request_id" text NOT NULL,
	"attempts" integer NOT NULL,
	"priority" integer NOT NULL,
	"idempotency_key" text NOT NULL,
	"not_before" integer NOT NULL,
	"deadline" integer NOT NULL,
	"runner" text NOT NULL,
	"created_at" integer NOT NULL,
	"started_at" integer,
	"ended_at" integer,
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY ("batch_id") REFERENCES "inference_batches"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "inference_tasks_batch_id" ON "inference_tasks" ("batch_id","state","seq");--> statement-breakpoint
CREATE INDEX "inference_tasks_alone" ON "inference_tasks" ("state","deadline") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_running" ON "inference_tasks" ("runner") WHERE "state" = 'running';--> statement-breakpoint
CREATE UNIQUE INDEX "inference_tasks_idempotency_key" ON "inference_tasks" ("owner_id","token_id","idempotency_key") WHERE "idempotency_key" <> '';--> statement-breakpoint
CREATE INDEX "inference_tasks_owner_id" ON "inference_tasks" ("owner_id");--> statement-breakpoint
CREATE TABLE "stored_file_parts" (
	"file_id" text NOT NULL,
	"seq" integer NOT NULL,
	"content" text NOT NULL,
	PRIMARY KEY("file_id", "seq"),
	FOREIGN KEY ("file_id") REFERENCES "stored_files"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE TABLE "stored_files" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"token_id" text NOT NULL,
	"name" text NOT NULL,
	"purpose" text NOT NULL,
	"state" text NOT NULL,
	"bytes" integer NOT NULL,
	"created_at" integer NOT NULL,
	"expires_at" integer,
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "stored_files_owner_id" ON "stored_files" ("owner_id");`,
  },
  {
    name: "0011_task_parts",
    sql: `CREATE TABLE "inference_task_parts" (
	"task_id" text NOT NULL,
	"seq" integer NOT NULL,
	"content" text NOT NULL,
	PRIMARY KEY("task_id", "seq"),
	FOREIGN KEY ("task_id") REFERENCES "inference_tasks"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
ALTER TABLE "inference_tasks" ADD "idempotent" integer DEFAULT 0 NOT NULL;`,
  },
  {
    name: "0012_list_indexes",
    sql: `DROP INDEX "inference_batches_owner_id";--> statement-breakpoint
CREATE INDEX "inference_batches_owner_id" ON "inference_batches" ("owner_id","id");--> statement-breakpoint
DROP INDEX "inference_tasks_batch_id";--> statement-breakpoint
CREATE INDEX "inference_tasks_alone_id" ON "inference_tasks" ("id") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_own" ON "inference_tasks" ("owner_id","id") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_ended_at" ON "inference_tasks" ("ended_at") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_batch_id" ON "inference_tasks" ("batch_id","state","seq") WHERE "batch_id" is not null;--> statement-breakpoint
DROP INDEX "stored_files_owner_id";--> statement-breakpoint
CREATE INDEX "stored_files_owner_id" ON "stored_files" ("owner_id","id");--> statement-breakpoint
DROP INDEX "threads_owner_id";--> statement-breakpoint
CREATE INDEX "threads_owner_id" ON "threads" ("owner_id","id");`,
  },
  {
    name: "0013_thread_sizes",
    sql: `ALTER TABLE "threads" ADD "size" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE "threads" SET "size" = (SELECT coalesce(sum(octet_length("message")), 0) FROM "thread_messages" WHERE "thread_id" = "threads"."id");--> statement-breakpoint
CREATE INDEX "threads_owner_size" ON "threads" ("owner_id","size");`,
  },
];
