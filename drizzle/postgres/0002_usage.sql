CREATE TABLE "usage" (
	"day" text NOT NULL,
	"user_id" text NOT NULL,
	"token_id" text NOT NULL,
	"llm" text NOT NULL,
	"requests" bigint NOT NULL,
	"errors" bigint NOT NULL,
	"prompt_tokens" bigint NOT NULL,
	"completion_tokens" bigint NOT NULL,
	"cached_tokens" bigint NOT NULL,
	"cost_micros" bigint NOT NULL,
	CONSTRAINT "usage_day_user_id_token_id_llm_pk" PRIMARY KEY("day","user_id","token_id","llm")
);
--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "cost_micros" bigint;