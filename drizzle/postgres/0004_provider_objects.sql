CREATE TABLE "provider_objects" (
	"owner_id" text NOT NULL,
	"id" text NOT NULL,
	"llm_id" text NOT NULL,
	"place" text NOT NULL,
	"at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	CONSTRAINT "provider_objects_owner_id_id_pk" PRIMARY KEY("owner_id","id")
);
--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "unpriced" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "images" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "seconds" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "characters" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage" ADD COLUMN "searches" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "provider_objects" ADD CONSTRAINT "provider_objects_owner_id_resources_id_fk" FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_objects" ADD CONSTRAINT "provider_objects_llm_id_resources_id_fk" FOREIGN KEY ("llm_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "provider_objects_llm_id" ON "provider_objects" USING btree ("llm_id");--> statement-breakpoint
CREATE INDEX "provider_objects_expires_at" ON "provider_objects" USING btree ("expires_at");