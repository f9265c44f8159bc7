ALTER TABLE "sessions" ADD "impersonator_id" text REFERENCES resources(id) ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "sessions" ADD "impersonator_session_id" text;