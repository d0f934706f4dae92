CREATE TABLE `aborted` (
	`partition` integer NOT NULL,
	`last` integer NOT NULL,
	`producer_id` text NOT NULL,
	`first` integer NOT NULL,
	`last_stable` integer NOT NULL,
	PRIMARY KEY(`partition`, `last`)
);
--> statement-breakpoint
CREATE TABLE `producers` (
	`partition` integer NOT NULL,
	`producer_id` text NOT NULL,
	`epoch` integer NOT NULL,
	`coordinator_epoch` integer NOT NULL,
	`last_timestamp` integer NOT NULL,
	`transaction_start` integer NOT NULL,
	`batches` blob NOT NULL,
	PRIMARY KEY(`partition`, `producer_id`)
);
--> statement-breakpoint
ALTER TABLE `partitions` ADD `producers_end` integer DEFAULT -1 NOT NULL;--> statement-breakpoint
ALTER TABLE `partitions` ADD `aborted_end` integer DEFAULT 0 NOT NULL;