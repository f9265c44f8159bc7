ALTER TABLE "threads" ADD "size" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE "threads" SET "size" = (SELECT coalesce(sum(octet_length("message")), 0) FROM "thread_messages" WHERE "thread_id" = "threads"."id");--> statement-breakpoint
CREATE INDEX "threads_owner_size" ON "threads" ("owner_id","size");