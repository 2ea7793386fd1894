CREATE TABLE `cached_images` (
	`image_id` text(36) PRIMARY KEY NOT NULL,
	`pinned_at` integer,
	`hits` integer DEFAULT 0 NOT NULL,
	`last_accessed_at` integer,
	FOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade
);
