CREATE TABLE "usage" (
	"day" text NOT NULL,
	"user_id" text NOT NULL,
	"token_id" text NOT NULL,
	"llm" text NOT NULL,
	"requests" integer NOT NULL,
	"errors" integer NOT NULL,
	"prompt_tokens" integer NOT NULL,
	"completion_tokens" integer NOT NULL,
	"cached_tokens" integer NOT NULL,
	"cost_micros" integer NOT NULL,
	PRIMARY KEY("day", "user_id", "token_id", "llm")
) STRICT;
--> statement-breakpoint
ALTER TABLE "audit_events" ADD "cost_micros" integer;