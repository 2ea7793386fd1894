CREATE TABLE `metadef_namespaces` (
	`id` text(36) PRIMARY KEY NOT NULL,
	`namespace` text(80) NOT NULL,
	`display_name` text(80),
	`description` text(500),
	`visibility` text(32),
	`protected` integer DEFAULT false NOT NULL,
	`owner` text(255),
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `metadef_namespaces_namespace_unique` ON `metadef_namespaces` (`namespace`);--> statement-breakpoint
CREATE INDEX `metadef_namespaces_by_owner` ON `metadef_namespaces` (`owner`);--> statement-breakpoint
CREATE TABLE `metadef_objects` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`namespace_id` text(36) NOT NULL,
	`name` text(80) NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`description` text,
	`required` text,
	`json_schema` text,
	FOREIGN KEY (`namespace_id`) REFERENCES `metadef_namespaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `metadef_objects_namespace_id_name_unique` ON `metadef_objects` (`namespace_id`,`name`);--> statement-breakpoint
CREATE TABLE `metadef_properties` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`namespace_id` text(36) NOT NULL,
	`name` text(80) NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`json_schema` text NOT NULL,
	FOREIGN KEY (`namespace_id`) REFERENCES `metadef_namespaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `metadef_properties_namespace_id_name_unique` ON `metadef_properties` (`namespace_id`,`name`);--> statement-breakpoint
CREATE TABLE `metadef_namespace_resource_types` (
	`namespace_id` text(36) NOT NULL,
	`resource_type` text(80) NOT NULL,
	`properties_target` text(80),
	`prefix` text(80),
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`namespace_id`, `resource_type`),
	FOREIGN KEY (`namespace_id`) REFERENCES `metadef_namespaces`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`resource_type`) REFERENCES `metadef_resource_types`(`name`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `metadef_associations_by_resource_type` ON `metadef_namespace_resource_types` (`resource_type`);--> statement-breakpoint
CREATE TABLE `metadef_resource_types` (
	`name` text(80) PRIMARY KEY NOT NULL,
	`protected` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `metadef_tags` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`namespace_id` text(36) NOT NULL,
	`name` text(80) NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`namespace_id`) REFERENCES `metadef_namespaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `metadef_tags_namespace_id_name_unique` ON `metadef_tags` (`namespace_id`,`name`);