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
CREATE INDEX "stored_files_owner_id" ON "stored_files" USING btree ("owner_id");