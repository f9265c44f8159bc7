CREATE TABLE "usage_through" (
	"row" integer NOT NULL
) STRICT;
--> statement-breakpoint
-- Until now each event was summed up when it was written.
INSERT INTO "usage_through" SELECT coalesce(max("id"), 0) FROM "audit_events";
