CREATE TABLE "provider_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"machine_id" text,
	"boot_id" text,
	"protocol" integer NOT NULL,
	"epoch" integer NOT NULL,
	"created_at" integer NOT NULL,
	"seen_at" integer NOT NULL,
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "provider_sessions_owner_id" ON "provider_sessions" ("owner_id");--> statement-breakpoint
CREATE TABLE "thread_messages" (
	"thread_id" text NOT NULL,
	"seq" integer NOT NULL,
	"message" text NOT NULL,
	"at" integer NOT NULL,
	PRIMARY KEY("thread_id", "seq"),
	FOREIGN KEY ("thread_id") REFERENCES "threads"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE TABLE "threads" (
	"id" text PRIMARY KEY NOT NULL,
	"agent_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"title" text NOT NULL,
	"created_at" integer NOT NULL,
	"updated_at" integer NOT NULL,
	FOREIGN KEY ("agent_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY ("owner_id") REFERENCES "resources"("id") ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE INDEX "threads_agent_id" ON "threads" ("agent_id");--> statement-breakpoint
CREATE INDEX "threads_owner_id" ON "threads" ("owner_id");