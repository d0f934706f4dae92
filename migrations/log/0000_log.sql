CREATE TABLE `epochs` (
	`partition` integer NOT NULL,
	`epoch` integer NOT NULL,
	`start` integer NOT NULL,
	PRIMARY KEY(`partition`, `epoch`)
);
--> statement-breakpoint
CREATE TABLE `meta` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `partitions` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`topic_id` text NOT NULL,
	`index` integer NOT NULL,
	`epoch` integer NOT NULL,
	`log_start` integer NOT NULL,
	`end` integer NOT NULL,
	`reserved_end` integer NOT NULL,
	`start_position` integer NOT NULL,
	`end_position` integer NOT NULL,
	`max_timestamp` integer NOT NULL,
	`swept_to` integer NOT NULL,
	`dropped` integer NOT NULL,
	`guard` integer NOT NULL,
	CONSTRAINT "partitions_guard" CHECK("guard" = 1)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `partitions_topic` ON `partitions` (`topic_id`,`index`) WHERE "dropped" = 0;--> statement-breakpoint
CREATE TABLE `rows` (
	`id` integer PRIMARY KEY NOT NULL,
	`partition` integer NOT NULL,
	`base` integer NOT NULL,
	`last` integer NOT NULL,
	`epoch` integer NOT NULL,
	`count` integer NOT NULL,
	`position` integer NOT NULL,
	`max_timestamp` integer NOT NULL,
	`data` blob NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `rows_last` ON `rows` (`partition`,`last`);