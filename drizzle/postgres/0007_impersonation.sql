ALTER TABLE "sessions" ADD COLUMN "impersonator_id" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "impersonator_session_id" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_impersonator_id_resources_id_fk" FOREIGN KEY ("impersonator_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;