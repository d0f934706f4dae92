CREATE TABLE `receipts` (
	`partition` integer NOT NULL,
	`key` blob NOT NULL,
	`last` integer NOT NULL,
	`expires_ms` integer NOT NULL,
	`value` blob NOT NULL,
	PRIMARY KEY(`partition`, `key`)
);
--> statement-breakpoint
CREATE INDEX `receipts_expires` ON `receipts` (`expires_ms`);