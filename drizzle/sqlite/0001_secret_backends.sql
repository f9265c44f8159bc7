CREATE TABLE "secret_orphans" (
	"ref" text PRIMARY KEY NOT NULL,
	"backend_id" text NOT NULL,
	"doomed" integer NOT NULL,
	"at" integer NOT NULL
) STRICT;
--> statement-breakpoint
ALTER TABLE "secret_data" ADD "backend_id" text DEFAULT '' NOT NULL;--> statement-breakpoint
-- Until now nothing but this table held secrets, and what no secret pointed at was a leftover.
DELETE FROM "secret_data" WHERE "ref" NOT IN (
	SELECT json_extract("status", '$.externalRef') FROM "resources" WHERE "kind" = 'secret');
--> statement-breakpoint
UPDATE "secret_data" SET "backend_id" = (
	SELECT "backend"."id" FROM "resources" AS "secret"
	JOIN "resources" AS "backend"
		ON "backend"."kind" = 'secretbackend' AND "backend"."name" = json_extract("secret"."spec", '$.backend')
	WHERE "secret"."kind" = 'secret' AND json_extract("secret"."status", '$.externalRef') = "secret_data"."ref");
