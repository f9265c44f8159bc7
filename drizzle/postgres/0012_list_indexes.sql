DROP INDEX "inference_batches_owner_id";--> statement-breakpoint
DROP INDEX "inference_tasks_batch_id";--> statement-breakpoint
DROP INDEX "stored_files_owner_id";--> statement-breakpoint
DROP INDEX "threads_owner_id";--> statement-breakpoint
CREATE INDEX "inference_tasks_alone_id" ON "inference_tasks" USING btree ("id") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_own" ON "inference_tasks" USING btree ("owner_id","id") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_ended_at" ON "inference_tasks" USING btree ("ended_at") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_batches_owner_id" ON "inference_batches" USING btree ("owner_id","id");--> statement-breakpoint
CREATE INDEX "inference_tasks_batch_id" ON "inference_tasks" USING btree ("batch_id","state","seq") WHERE "batch_id" is not null;--> statement-breakpoint
CREATE INDEX "stored_files_owner_id" ON "stored_files" USING btree ("owner_id","id");--> statement-breakpoint
CREATE INDEX "threads_owner_id" ON "threads" USING btree ("owner_id","id");