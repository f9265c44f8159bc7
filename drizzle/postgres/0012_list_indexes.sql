DROP INDEX "inference_batches_owner_id";--> statement-breakpoint
DROP INDEX "stored_files_owner_id";--> statement-breakpoint
CREATE INDEX "inference_tasks_own" ON "inference_tasks" USING btree ("owner_id","id") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_tasks_ended_at" ON "inference_tasks" USING btree ("ended_at") WHERE "batch_id" is null;--> statement-breakpoint
CREATE INDEX "inference_batches_owner_id" ON "inference_batches" USING btree ("owner_id","id");--> statement-breakpoint
CREATE INDEX "stored_files_owner_id" ON "stored_files" USING btree ("owner_id","id");