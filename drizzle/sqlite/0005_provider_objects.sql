CREATE TABLE "provider_objects" (
	"owner_id" text NOT NULL,
	"id" text NOT NULL,
	"llm_id" text NOT NULL,
	"place" text NOT NULL,
	"at" integer NOT NULL,
	"expires_at" integer NOT NULL,
	PRIMARY KEY("owner_id", "id"),
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY ("llm_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "provider_objects_llm_id" ON "provider_objects" ("llm_id");--> statement-breakpoint
CREATE INDEX "provider_objects_expires_at" ON "provider_objects" ("expires_at");--> statement-breakpoint
ALTER TABLE "usage" ADD "unpriced" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD "images" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD "seconds" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD "characters" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD "searches" integer DEFAULT 0 NOT NULL;