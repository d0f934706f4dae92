CREATE TABLE `entries` (
	`index` integer PRIMARY KEY NOT NULL,
	`epoch` integer NOT NULL,
	`command` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `identity` (
	`directory_id` text PRIMARY KEY NOT NULL,
	`cluster_id` text NOT NULL,
	`node_id` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `snapshots` (
	`index` integer PRIMARY KEY NOT NULL,
	`epoch` integer NOT NULL,
	`image` text NOT NULL
);
