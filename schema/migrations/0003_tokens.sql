CREATE TABLE `remembered_tokens` (
	`hash` text(64) PRIMARY KEY NOT NULL,
	`identity` text NOT NULL,
	`validated_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `remembered_tokens_by_expiry` ON `remembered_tokens` (`expires_at`);