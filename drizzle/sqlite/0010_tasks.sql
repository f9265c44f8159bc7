CREATE TABLE "inference_batches" (
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
CREATE INDEX "stored_files_owner_id" ON "stored_files" ("owner_id");