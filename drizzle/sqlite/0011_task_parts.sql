CREATE TABLE "inference_task_parts" (
	"task_id" text NOT NULL,
	"seq" integer NOT NULL,
	"content" text NOT NULL,
	PRIMARY KEY("task_id", "seq"),
	FOREIGN KEY ("task_id") REFERENCES "inference_tasks"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
ALTER TABLE "inference_tasks" ADD "idempotent" integer DEFAULT 0 NOT NULL;