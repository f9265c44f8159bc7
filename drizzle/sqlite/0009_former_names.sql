CREATE TABLE "former_names" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"owner" text,
	"created_at" integer NOT NULL,
	"deleted_at" integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX "former_names_name" ON "former_names" ("kind","name");--> statement-breakpoint
CREATE INDEX "former_names_deleted_at" ON "former_names" ("deleted_at");--> statement-breakpoint
INSERT OR IGNORE INTO "former_names" SELECT json_extract("detail", '$.id'), json_extract("detail", '$.kind'), json_extract("detail", '$.name'), NULL, 0, "at" FROM "audit_events" WHERE "action" = 'delete' AND json_extract("detail", '$.id') IS NOT NULL AND json_extract("detail", '$.kind') IS NOT NULL AND json_extract("detail", '$.name') IS NOT NULL;