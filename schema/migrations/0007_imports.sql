ALTER TABLE `tasks` ADD `runner` text(36);--> statement-breakpoint
ALTER TABLE `tasks` ADD `attempts` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `uploads` ADD `blob` text(64);