CREATE TABLE "former_names" (
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
INSERT INTO "former_names" SELECT "detail"->>'id', "detail"->>'kind', "detail"->>'name', NULL, 0, "at" FROM "audit_events" WHERE "action" = 'delete' AND "detail"->>'id' IS NOT NULL AND "detail"->>'kind' IS NOT NULL AND "detail"->>'name' IS NOT NULL ON CONFLICT DO NOTHING;