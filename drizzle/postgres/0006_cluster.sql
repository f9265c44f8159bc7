CREATE TABLE "cluster_instances" (
	"server_id" text NOT NULL,
	"slot" text NOT NULL,
	"number" bigint NOT NULL,
	"node_id" text NOT NULL,
	"epoch" bigint GENERATED ALWAYS AS IDENTITY (sequence name "cluster_instances_epoch_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "cluster_instances_server_id_slot_pk" PRIMARY KEY("server_id","slot")
);
--> statement-breakpoint
CREATE TABLE "cluster_nodes" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"url" text NOT NULL,
	"key" text NOT NULL,
	"process" text NOT NULL,
	"beat" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE "cluster_instances" ADD CONSTRAINT "cluster_instances_server_id_resources_id_fk" FOREIGN KEY ("server_id") REFERENCES "resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cluster_instances" ADD CONSTRAINT "cluster_instances_node_id_cluster_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "cluster_nodes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "cluster_instances_number" ON "cluster_instances" USING btree ("server_id","number");--> statement-breakpoint
CREATE INDEX "cluster_instances_node_id" ON "cluster_instances" USING btree ("node_id");