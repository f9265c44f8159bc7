/** Written by drizzle/embed.ts from the .sql files next to it. */
export const migrations = [
  {
    name: "0000_tables",
    sql: `CREATE TABLE "audit_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" bigint NOT NULL,
	"action" text NOT NULL,
	"request_id" text NOT NULL,
	"user_id" text,
	"token_id" text,
	"status" bigint NOT NULL,
	"llm" text,
	"pool_member" text,
	"model" text,
	"type" text,
	"dialect" text,
	"streaming" boolean,
	"duration_ms" bigint,
	"ttft_ms" bigint,
	"prompt_tokens" bigint,
	"completion_tokens" bigint,
	"cached_tokens" bigint,
	"error" text,
	"detail" jsonb
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"revision" bigint PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"operation" text NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "credentials" (
	"resource_id" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"hash" text NOT NULL,
	"last_used_at" bigint
);
--> statement-breakpoint
CREATE TABLE "refs" (
	"from_id" text NOT NULL,
	"path" text NOT NULL,
	"to_id" text NOT NULL,
	"on_delete" text NOT NULL,
	CONSTRAINT "refs_from_id_path_pk" PRIMARY KEY("from_id","path")
);
--> statement-breakpoint
CREATE TABLE "resources" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"scope" text NOT NULL,
	"name" text NOT NULL,
	"owner" text,
	"visibility" text,
	"spec" jsonb NOT NULL,
	"status" jsonb NOT NULL,
	"version" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "secret_data" (
	"ref" text PRIMARY KEY NOT NULL,
	"data" jsonb NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"user_id" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_resource_id_resources_id_fk" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "refs" ADD CONSTRAINT "refs_from_id_resources_id_fk" FOREIGN KEY ("from_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "refs" ADD CONSTRAINT "refs_to_id_resources_id_fk" FOREIGN KEY ("to_id") REFERENCES "resources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_resources_id_fk" FOREIGN KEY ("user_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "credentials_bearer" ON "credentials" USING btree ("hash") WHERE "type" = 'bearer';--> statement-breakpoint
CREATE INDEX "refs_to_id" ON "refs" USING btree ("to_id");--> statement-breakpoint
CREATE UNIQUE INDEX "resources_kind_scope_name" ON "resources" USING btree ("kind","scope","name");--> statement-breakpoint
CREATE UNIQUE INDEX "resources_one_default_backend" ON "resources" USING btree ("kind") WHERE "kind" = 'secretbackend' and "spec" @> '{"isDefault": true}';--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_hash" ON "sessions" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "sessions_user_id" ON "sessions" USING btree ("user_id");`,
  },
  {
    name: "0001_secret_backends",
    sql: `CREATE TABLE "secret_orphans" (
	"ref" text PRIMARY KEY NOT NULL,
	"backend_id" text NOT NULL,
	"doomed" boolean NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "secret_data" ADD COLUMN "backend_id" text DEFAULT '' NOT NULL;--> statement-breakpoint
-- Until now nothing but this table held secrets, and what no secret pointed at was a leftover.
DELETE FROM "secret_data" WHERE "ref" NOT IN (
	SELECT "status"->>'externalRef' FROM "resources" WHERE "kind" = 'secret');
--> statement-breakpoint
UPDATE "secret_data" SET "backend_id" = (
	SELECT "backend"."id" FROM "resources" AS "secret"
	JOIN "resources" AS "backend"
		ON "backend"."kind" = 'secretbackend' AND "backend"."name" = "secret"."spec"->>'backend'
	WHERE "secret"."kind" = 'secret' AND "secret"."status"->>'externalRef' = "secret_data"."ref");
`,
  },
  {
    name: "0002_usage",
    sql: `CREATE TABLE "usage" (
	"day" text NOT NULL,
	"user_id" text NOT NULL,
	"token_id" text NOT NULL,
	"llm" text NOT NULL,
	"requests" bigint NOT NULL,
	"errors" bigint NOT NULL,
	"prompt_tokens" bigint NOT NULL,
	"completion_tokens" bigint NOT NULL,
	"cached_tokens" bigint NOT NULL,
	"cost_micros" bigint NOT NULL,
	CONSTRAINT "usage_day_user_id_token_id_llm_pk" PRIMARY KEY("day","user_id","token_id","llm")
);
--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "cost_micros" bigint;`,
  },
  {
    name: "0003_links",
    sql: `CREATE TABLE "provider_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"machine_id" text,
	"boot_id" text,
	"protocol" bigint NOT NULL,
	"epoch" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"seen_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "thread_messages" (
	"thread_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"message" text NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "thread_messages_thread_id_seq_pk" PRIMARY KEY("thread_id","seq")
);
--> statement-breakpoint
CREATE TABLE "threads" (
	"id" text PRIMARY KEY NOT NULL,
	"agent_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"title" text NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "provider_sessions" ADD CONSTRAINT "provider_sessions_owner_id_resources_id_fk" FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "thread_messages" ADD CONSTRAINT "thread_messages_thread_id_threads_id_fk" FOREIGN KEY ("thread_id") REFERENCES "threads"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "threads" ADD CONSTRAINT "threads_agent_id_resources_id_fk" FOREIGN KEY ("agent_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "threads" ADD CONSTRAINT "threads_owner_id_resources_id_fk" FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "provider_sessions_owner_id" ON "provider_sessions" USING btree ("owner_id");--> statement-breakpoint
CREATE INDEX "threads_agent_id" ON "threads" USING btree ("agent_id");--> statement-breakpoint
CREATE INDEX "threads_owner_id" ON "threads" USING btree ("owner_id");`,
  },
  {
    name: "0004_provider_objects",
    sql: `CREATE TABLE "provider_objects" (
	"owner_id" text NOT NULL,
	"id" text NOT NULL,
	"llm_id" text NOT NULL,
	"place" text NOT NULL,
	"at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	CONSTRAINT "provider_objects_owner_id_id_pk" PRIMARY KEY("owner_id","id")
);
--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "unpriced" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "images" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "seconds" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "characters" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "searches" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "provider_objects" ADD CONSTRAINT "provider_objects_owner_id_resources_id_fk" FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_objects" ADD CONSTRAINT "provider_objects_llm_id_resources_id_fk" FOREIGN KEY ("llm_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "provider_objects_llm_id" ON "provider_objects" USING btree ("llm_id");--> statement-breakpoint
CREATE INDEX "provider_objects_expires_at" ON "provider_objects" USING btree ("expires_at");`,
  },
  {
    name: "0005_token_names",
    sql: `DROP INDEX "resources_kind_scope_name";--> statement-breakpoint
CREATE UNIQUE INDEX "resources_names" ON "resources" USING btree ("kind","scope","name",(case when "kind" = 'token' and "owner" is not null then "owner" else '' end));`,
  },
  {
    name: "0006_cluster",
    sql: `CREATE TABLE "cluster_instances" (
	"server_id" text NOT NULL,
	"slot" text NOT NULL,
	"number" bigint NOT NULL,
	"node_id" text NOT NULL,
	"epoch" bigint GENERATED ALWAYS AS IDENTITY (sequence name "cluster_instances_epoch_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "cluster_instances_server_id_slot_pk" PRIMARY KEY("server_id","slot")
);
--> statement-breakpoint
CREATE TABLE "cluster_nodes" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"url" text NOT NULL,
	"key" text NOT NULL,
	"process" text NOT NULL,
	"beat" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE "cluster_instances" ADD CONSTRAINT "cluster_instances_server_id_resources_id_fk" FOREIGN KEY ("server_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cluster_instances" ADD CONSTRAINT "cluster_instances_node_id_cluster_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "cluster_nodes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "cluster_instances_number" ON "cluster_instances" USING btree ("server_id","number");--> statement-breakpoint
CREATE INDEX "cluster_instances_node_id" ON "cluster_instances" USING btree ("node_id");`,
  },
  {
    name: "0007_impersonation",
    sql: `ALTER TABLE "sessions" ADD COLUMN "impersonator_id" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "impersonator_session_id" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_impersonator_id_resources_id_fk" FOREIGN KEY ("impersonator_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;`,
  },
  {
    name: "0008_background_answers",
    sql: `ALTER TABLE "provider_objects" ADD COLUMN "pending" text;`,
  },
  {
    name: "0009_former_names",
    sql: `CREATE TABLE "former_names" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"owner" text,
	"created_at" bigint NOT NULL,
	"deleted_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE INDEX "former_names_name" ON "former_names" USING btree ("kind","name");--> statement-breakpoint
CREATE INDEX "former_names_deleted_at" ON "former_names" USING btree ("deleted_at");--> statement-breakpoint
INSERT INTO "former_names" SELECT "detail"->>'id', "detail"->>'kind', "detail"->>'name', NULL, 0, "at" FROM "audit_events" WHERE "action" = 'delete' AND "detail"->>'id' IS NOT NULL AND "detail"->>'kind' IS NOT NULL AND "detail"->>'name' IS NOT NULL ON CONFLICT DO NOTHING;`,
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
	"total" bigint NOT NULL,
	"completed" bigint NOT NULL,
	"failed" bigint NOT NULL,
	"cancelled" bigint NOT NULL,
	"expired" bigint NOT NULL,
	"runner" text NOT NULL,
	"created_at" bigint NOT NULL,
	"started_at" bigint,
	"cancelling_at" bigint,
	"finalizing_at" bigint,
	"ended_at" bigint,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "inference_tasks" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"token_id" text NOT NULL,
	"batch_id" text,
	"seq" bigint NOT NULL,
	"custom_id" text NOT NULL,
	"operation" text NOT NULL,
	"llm" text NOT NULL,
	"state" text NOT NULL,
	"request" text NOT NULL,
	"answer" text,
	"status" bigint,
	"request_id" text NOT NULL,
	"attempts" bigint NOT NULL,
	"priority" bigint NOT NULL,
	"idempotency_key" text NOT NULL,
	"not_before" bigint NOT NULL,
	"deadline" bigint NOT NULL,
	"runner" text NOT NULL,
	"created_at" bigint NOT NULL,
	"started_at" bigint,
	"ended_at" bigint
);
--> statement-breakpoint
CREATE TABLE "stored_file_parts" (
	"file_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"content" text NOT NULL,
	CONSTRAINT "stored_file_parts_file_id_seq_pk" PRIMARY KEY("file_id","seq")
);
--> statement-breakpoint
CREATE TABLE "stored_files" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"token_id" text NOT NULL,
	"name" text NOT NULL,
	"purpose" text NOT NULL,
	"state" text NOT NULL,
	"bytes" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint
);
--> statement-breakpoint
ALTER TABLE "inference_batches" ADD CONSTRAINT "inference_batches_owner_id_resources_id_fk" FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inference_tasks" ADD CONSTRAINT "inference_tasks_owner_id_resources_id_fk" FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inference_tasks" ADD CONSTRAINT "inference_tasks_batch_id_inference_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "inference_batches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "stored_file_parts" ADD CONSTRAINT "stored_file_parts_file_id_stored_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "stored_files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "stored_files" ADD CONSTRAINT "stored_files_owner_id_resources_id_fk" FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "inference_batches_owner_id" ON "inference_batches" USING btree ("owner_id");--> statement-breakpoint
CREATE INDEX "inference_batches_state" ON "inference_batches" USING btree ("state");--> statement-breakpoint
CREATE INDEX "inference_tasks_batch_id" ON "inference_tasks" USING btree ("batch_id","state","seq");--> statement-breakpoint
CREATE INDEX "inference_tasks_alone" ON "inference_tasks" USING btree ("state","deadline") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_running" ON "inference_tasks" USING btree ("runner") WHERE "state" = 'running';--> statement-breakpoint
CREATE UNIQUE INDEX "inference_tasks_idempotency_key" ON "inference_tasks" USING btree ("owner_id","token_id","idempotency_key") WHERE "idempotency_key" <> '';--> statement-breakpoint
CREATE INDEX "inference_tasks_owner_id" ON "inference_tasks" USING btree ("owner_id");--> statement-breakpoint
CREATE INDEX "stored_files_owner_id" ON "stored_files" USING btree ("owner_id");`,
  },
  {
    name: "0011_task_parts",
    sql: `CREATE TABLE "inference_task_parts" (
	"task_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"content" text NOT NULL,
	CONSTRAINT "inference_task_parts_task_id_seq_pk" PRIMARY KEY("task_id","seq")
);
--> statement-breakpoint
ALTER TABLE "inference_tasks" ADD COLUMN "idempotent" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "inference_task_parts" ADD CONSTRAINT "inference_task_parts_task_id_inference_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "inference_tasks"("id") ON DELETE cascade ON UPDATE no action;`,
  },
  {
    name: "0012_list_indexes",
    sql: `DROP INDEX "inference_batches_owner_id";--> statement-breakpoint
DROP INDEX "inference_tasks_batch_id";--> statement-breakpoint
DROP INDEX "stored_files_owner_id";--> statement-breakpoint
DROP INDEX "threads_owner_id";--> statement-breakpoint
CREATE INDEX "inference_tasks_alone_id" ON "inference_tasks" USING btree ("id") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_own" ON "inference_tasks" USING btree ("owner_id","id") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_ended_at" ON "inference_tasks" USING btree ("ended_at") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_batches_owner_id" ON "inference_batches" USING btree ("owner_id","id");--> statement-breakpoint
CREATE INDEX "inference_tasks_batch_id" ON "inference_tasks" USING btree ("batch_id","state","seq") WHERE "batch_id" is not null;--> statement-breakpoint
CREATE INDEX "stored_files_owner_id" ON "stored_files" USING btree ("owner_id","id");--> statement-breakpoint
CREATE INDEX "threads_owner_id" ON "threads" USING btree ("owner_id","id");`,
  },
  {
    name: "0013_thread_sizes",
    sql: `ALTER TABLE "threads" ADD COLUMN "size" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE "threads" SET "size" = (SELECT coalesce(sum(octet_length("message")), 0) FROM "thread_messages" WHERE "thread_id" = "threads"."id");--> statement-breakpoint
CREATE INDEX "threads_owner_size" ON "threads" USING btree ("owner_id","size");`,
  },
];
