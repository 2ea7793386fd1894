CREATE TABLE `blob_chunks` (
	`blob` text(64) NOT NULL,
	`position` integer NOT NULL,
	`digest` text(64),
	PRIMARY KEY(`blob`, `position`),
	FOREIGN KEY (`blob`) REFERENCES `blobs`(`digest`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `blob_chunks_by_digest` ON `blob_chunks` (`digest`);--> statement-breakpoint
CREATE TABLE `blobs` (
	`digest` text(64) PRIMARY KEY NOT NULL,
	`size` integer NOT NULL,
	`chunk_size` integer NOT NULL,
	`checksum` text(32) NOT NULL,
	`hash_algo` text(64) NOT NULL,
	`hash_value` text(128) NOT NULL,
	`created_at` integer NOT NULL,
	`released_at` integer
);
--> statement-breakpoint
CREATE TABLE `condemned_chunks` (
	`digest` text(64) PRIMARY KEY NOT NULL,
	`condemned_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `feed` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`kind` text NOT NULL,
	`record_id` text(255) NOT NULL,
	`changed_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `image_locations` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`image_id` text(36) NOT NULL,
	`blob` text(64),
	`url` text,
	`metadata` text DEFAULT '{}' NOT NULL,
	`status` text(30) DEFAULT 'active' NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`blob`) REFERENCES `blobs`(`digest`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `image_locations_by_image` ON `image_locations` (`image_id`);--> statement-breakpoint
CREATE INDEX `image_locations_by_blob` ON `image_locations` (`blob`);--> statement-breakpoint
CREATE TABLE `image_members` (
	`image_id` text(36) NOT NULL,
	`member` text(255) NOT NULL,
	`status` text(20) DEFAULT 'pending' NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`deleted_at` integer,
	PRIMARY KEY(`image_id`, `member`),
	FOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `image_members_by_member` ON `image_members` (`member`);--> statement-breakpoint
CREATE TABLE `image_properties` (
	`image_id` text(36) NOT NULL,
	`name` text(255) NOT NULL,
	`value` text,
	PRIMARY KEY(`image_id`, `name`),
	FOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `image_properties_by_value` ON `image_properties` (`name`,`value`);--> statement-breakpoint
CREATE TABLE `image_tags` (
	`image_id` text(36) NOT NULL,
	`value` text(255) NOT NULL,
	PRIMARY KEY(`image_id`, `value`),
	FOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `image_tags_by_value` ON `image_tags` (`value`);--> statement-breakpoint
CREATE TABLE `images` (
	`id` text(36) PRIMARY KEY NOT NULL,
	`name` text(255),
	`disk_format` text(20),
	`container_format` text(20),
	`size` integer,
	`virtual_size` integer,
	`status` text(30) NOT NULL,
	`visibility` text DEFAULT 'shared' NOT NULL,
	`checksum` text(32),
	`os_hash_algo` text(64),
	`os_hash_value` text(128),
	`min_disk` integer DEFAULT 0 NOT NULL,
	`min_ram` integer DEFAULT 0 NOT NULL,
	`owner` text(255),
	`protected` integer DEFAULT false NOT NULL,
	`os_hidden` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`deleted_at` integer
);
--> statement-breakpoint
CREATE INDEX `images_by_visibility` ON `images` (`os_hidden`,`visibility`,`created_at`,`id`) WHERE deleted_at IS NULL;--> statement-breakpoint
CREATE INDEX `images_by_name` ON `images` (`os_hidden`,`name`,`created_at`,`id`) WHERE deleted_at IS NULL;--> statement-breakpoint
CREATE INDEX `images_by_update` ON `images` (`os_hidden`,`updated_at`,`created_at`,`id`) WHERE deleted_at IS NULL;--> statement-breakpoint
CREATE INDEX `images_by_checksum` ON `images` (`os_hidden`,`checksum`,`created_at`,`id`) WHERE deleted_at IS NULL;--> statement-breakpoint
CREATE INDEX `images_by_hash` ON `images` (`os_hidden`,`os_hash_value`,`created_at`,`id`) WHERE deleted_at IS NULL;--> statement-breakpoint
CREATE INDEX `images_by_owner` ON `images` (`os_hidden`,`owner`,`created_at`,`id`) WHERE deleted_at IS NULL;--> statement-breakpoint
CREATE INDEX `images_by_creation` ON `images` (`os_hidden`,`created_at`,`id`) WHERE deleted_at IS NULL;--> statement-breakpoint
CREATE TABLE `schema_migrations` (
	`revision` text PRIMARY KEY NOT NULL,
	`applied_at` integer DEFAULT (unixepoch() * 1000) NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tasks` (
	`id` text(36) PRIMARY KEY NOT NULL,
	`type` text(30) NOT NULL,
	`status` text(30) NOT NULL,
	`owner` text(255),
	`image_id` text(36),
	`request_id` text(64),
	`user_id` text(64),
	`input` text,
	`result` text,
	`message` text DEFAULT '' NOT NULL,
	`expires_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`deleted_at` integer
);
--> statement-breakpoint
CREATE INDEX `tasks_by_image` ON `tasks` (`image_id`);--> statement-breakpoint
CREATE INDEX `tasks_by_owner` ON `tasks` (`owner`);--> statement-breakpoint
CREATE INDEX `tasks_by_status` ON `tasks` (`status`);--> statement-breakpoint
CREATE INDEX `tasks_by_update` ON `tasks` (`updated_at`);--> statement-breakpoint
CREATE TABLE `upload_chunks` (
	`upload_id` text(36) NOT NULL,
	`position` integer NOT NULL,
	`digest` text(64),
	PRIMARY KEY(`upload_id`, `position`),
	FOREIGN KEY (`upload_id`) REFERENCES `uploads`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `upload_chunks_by_digest` ON `upload_chunks` (`digest`);--> statement-breakpoint
CREATE TABLE `uploads` (
	`id` text(36) PRIMARY KEY NOT NULL,
	`image_id` text(36) NOT NULL,
	`started_at` integer NOT NULL,
	`heartbeat_at` integer NOT NULL,
	FOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `uploads_image_id_unique` ON `uploads` (`image_id`);