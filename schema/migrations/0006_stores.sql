CREATE TABLE `loose_objects` (
	`store` text(255) NOT NULL,
	`url` text NOT NULL,
	`claimed_at` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`store`, `url`)
);
--> statement-breakpoint
DROP TABLE `condemned_chunks`;--> statement-breakpoint
CREATE TABLE `condemned_chunks` (
	`store` text(255) NOT NULL,
	`digest` text(64) NOT NULL,
	`condemned_at` integer NOT NULL,
	PRIMARY KEY(`store`, `digest`)
);
--> statement-breakpoint
ALTER TABLE `image_locations` ADD `store` text(255) DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX `image_locations_by_store` ON `image_locations` (`store`,`url`);