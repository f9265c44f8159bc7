CREATE TABLE "audit_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" bigint NOT NULL,
	"action" text NOT NULL,
	"request_id" text NOT NULL,
	"user_id" text,
	"token_id" text,
	"status" bigint NOT NULL,
	"llm" text,
	"pool_member" text,
	"model" text,
	"type" text,
	"dialect" text,
	"streaming" boolean,
	"duration_ms" bigint,
	"ttft_ms" bigint,
	"prompt_tokens" bigint,
	"completion_tokens" bigint,
	"cached_tokens" bigint,
	"error" text,
	"detail" jsonb
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"revision" bigint PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"operation" text NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "credentials" (
	"resource_id" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"hash" text NOT NULL,
	"last_used_at" bigint
);
--> statement-breakpoint
CREATE TABLE "refs" (
	"from_id" text NOT NULL,
	"path" text NOT NULL,
	"to_id" text NOT NULL,
	"on_delete" text NOT NULL,
	CONSTRAINT "refs_from_id_path_pk" PRIMARY KEY("from_id","path")
);
--> statement-breakpoint
CREATE TABLE "resources" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"scope" text NOT NULL,
	"name" text NOT NULL,
	"owner" text,
	"visibility" text,
	"spec" jsonb NOT NULL,
	"status" jsonb NOT NULL,
	"version" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "secret_data" (
	"ref" text PRIMARY KEY NOT NULL,
	"data" jsonb NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"user_id" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_resource_id_resources_id_fk" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "refs" ADD CONSTRAINT "refs_from_id_resources_id_fk" FOREIGN KEY ("from_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "refs" ADD CONSTRAINT "refs_to_id_resources_id_fk" FOREIGN KEY ("to_id") REFERENCES "resources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_resources_id_fk" FOREIGN KEY ("user_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "credentials_bearer" ON "credentials" USING btree ("hash") WHERE "type" = 'bearer';--> statement-breakpoint
CREATE INDEX "refs_to_id" ON "refs" USING btree ("to_id");--> statement-breakpoint
CREATE UNIQUE INDEX "resources_kind_scope_name" ON "resources" USING btree ("kind","scope","name");--> statement-breakpoint
CREATE UNIQUE INDEX "resources_one_default_backend" ON "resources" USING btree ("kind") WHERE "kind" = 'secretbackend' and "spec" @> '{"isDefault": true}';--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_hash" ON "sessions" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "sessions_user_id" ON "sessions" USING btree ("user_id");