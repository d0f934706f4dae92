ALTER TABLE `entries` ADD `checksum` integer DEFAULT -1 NOT NULL;--> statement-breakpoint
ALTER TABLE `snapshots` ADD `checksum` integer DEFAULT -1 NOT NULL;