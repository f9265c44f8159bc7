CREATE TABLE "inference_task_parts" (
	"task_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"content" text NOT NULL,
	CONSTRAINT "inference_task_parts_task_id_seq_pk" PRIMARY KEY("task_id","seq")
);
--> statement-breakpoint
ALTER TABLE "inference_tasks" ADD COLUMN "idempotent" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "inference_task_parts" ADD CONSTRAINT "inference_task_parts_task_id_inference_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "inference_tasks"("id") ON DELETE cascade ON UPDATE no action;