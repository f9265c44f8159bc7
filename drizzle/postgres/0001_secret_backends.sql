CREATE TABLE "secret_orphans" (
	"ref" text PRIMARY KEY NOT NULL,
	"backend_id" text NOT NULL,
	"doomed" boolean NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "secret_data" ADD COLUMN "backend_id" text DEFAULT '' NOT NULL;--> statement-breakpoint
-- Until now nothing but this table held secrets, and what no secret pointed at was a leftover.
DELETE FROM "secret_data" WHERE "ref" NOT IN (
	SELECT "status"->>'externalRef' FROM "resources" WHERE "kind" = 'secret');
--> statement-breakpoint
UPDATE "secret_data" SET "backend_id" = (
	SELECT "backend"."id" FROM "resources" AS "secret"
	JOIN "resources" AS "backend"
		ON "backend"."kind" = 'secretbackend' AND "backend"."name" = "secret"."spec"->>'backend'
	WHERE "secret"."kind" = 'secret' AND "secret"."status"->>'externalRef' = "secret_data"."ref");
