// Written by scripts/embed-migrations.ts from the SQL files beside it.
export const MIGRATIONS: { revision: string; statements: string[] }[] = [
  {
    "revision": "0000_foundation",
    "statements": [
      "CREATE TABLE `blob_chunks` (\n\t`blob` text(64) NOT NULL,\n\t`position` integer NOT NULL,\n\t`digest` text(64),\n\tPRIMARY KEY(`blob`, `position`),\n\tFOREIGN KEY (`blob`) REFERENCES `blobs`(`digest`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE INDEX `blob_chunks_by_digest` ON `blob_chunks` (`digest`);",
      "CREATE TABLE `blobs` (\n\t`digest` text(64) PRIMARY KEY NOT NULL,\n\t`size` integer NOT NULL,\n\t`chunk_size` integer NOT NULL,\n\t`checksum` text(32) NOT NULL,\n\t`hash_algo` text(64) NOT NULL,\n\t`hash_value` text(128) NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`released_at` integer\n);",
      "CREATE TABLE `condemned_chunks` (\n\t`digest` text(64) PRIMARY KEY NOT NULL,\n\t`condemned_at` integer NOT NULL\n);",
      "CREATE TABLE `feed` (\n\t`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`kind` text NOT NULL,\n\t`record_id` text(255) NOT NULL,\n\t`changed_at` integer NOT NULL\n);",
      "CREATE TABLE `image_locations` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`image_id` text(36) NOT NULL,\n\t`blob` text(64),\n\t`url` text,\n\t`metadata` text DEFAULT '{}' NOT NULL,\n\t`status` text(30) DEFAULT 'active' NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\tFOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade,\n\tFOREIGN KEY (`blob`) REFERENCES `blobs`(`digest`) ON UPDATE no action ON DELETE no action\n);",
      "CREATE INDEX `image_locations_by_image` ON `image_locations` (`image_id`);",
      "CREATE INDEX `image_locations_by_blob` ON `image_locations` (`blob`);",
      "CREATE TABLE `image_members` (\n\t`image_id` text(36) NOT NULL,\n\t`member` text(255) NOT NULL,\n\t`status` text(20) DEFAULT 'pending' NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\t`deleted_at` integer,\n\tPRIMARY KEY(`image_id`, `member`),\n\tFOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE INDEX `image_members_by_member` ON `image_members` (`member`);",
      "CREATE TABLE `image_properties` (\n\t`image_id` text(36) NOT NULL,\n\t`name` text(255) NOT NULL,\n\t`value` text,\n\tPRIMARY KEY(`image_id`, `name`),\n\tFOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE INDEX `image_properties_by_value` ON `image_properties` (`name`,`value`);",
      "CREATE TABLE `image_tags` (\n\t`image_id` text(36) NOT NULL,\n\t`value` text(255) NOT NULL,\n\tPRIMARY KEY(`image_id`, `value`),\n\tFOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE INDEX `image_tags_by_value` ON `image_tags` (`value`);",
      "CREATE TABLE `images` (\n\t`id` text(36) PRIMARY KEY NOT NULL,\n\t`name` text(255),\n\t`disk_format` text(20),\n\t`container_format` text(20),\n\t`size` integer,\n\t`virtual_size` integer,\n\t`status` text(30) NOT NULL,\n\t`visibility` text DEFAULT 'shared' NOT NULL,\n\t`checksum` text(32),\n\t`os_hash_algo` text(64),\n\t`os_hash_value` text(128),\n\t`min_disk` integer DEFAULT 0 NOT NULL,\n\t`min_ram` integer DEFAULT 0 NOT NULL,\n\t`owner` text(255),\n\t`protected` integer DEFAULT false NOT NULL,\n\t`os_hidden` integer DEFAULT false NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\t`deleted_at` integer\n);",
      "CREATE INDEX `images_by_visibility` ON `images` (`os_hidden`,`visibility`,`created_at`,`id`) WHERE deleted_at IS NULL;",
      "CREATE INDEX `images_by_name` ON `images` (`os_hidden`,`name`,`created_at`,`id`) WHERE deleted_at IS NULL;",
      "CREATE INDEX `images_by_update` ON `images` (`os_hidden`,`updated_at`,`created_at`,`id`) WHERE deleted_at IS NULL;",
      "CREATE INDEX `images_by_checksum` ON `images` (`os_hidden`,`checksum`,`created_at`,`id`) WHERE deleted_at IS NULL;",
      "CREATE INDEX `images_by_hash` ON `images` (`os_hidden`,`os_hash_value`,`created_at`,`id`) WHERE deleted_at IS NULL;",
      "CREATE INDEX `images_by_owner` ON `images` (`os_hidden`,`owner`,`created_at`,`id`) WHERE deleted_at IS NULL;",
      "CREATE INDEX `images_by_creation` ON `images` (`os_hidden`,`created_at`,`id`) WHERE deleted_at IS NULL;",
      "CREATE TABLE `schema_migrations` (\n\t`revision` text PRIMARY KEY NOT NULL,\n\t`applied_at` integer DEFAULT (unixepoch() * 1000) NOT NULL\n);",
      "CREATE TABLE `tasks` (\n\t`id` text(36) PRIMARY KEY NOT NULL,\n\t`type` text(30) NOT NULL,\n\t`status` text(30) NOT NULL,\n\t`owner` text(255),\n\t`image_id` text(36),\n\t`request_id` text(64),\n\t`user_id` text(64),\n\t`input` text,\n\t`result` text,\n\t`message` text DEFAULT '' NOT NULL,\n\t`expires_at` integer,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\t`deleted_at` integer\n);",
      "CREATE INDEX `tasks_by_image` ON `tasks` (`image_id`);",
      "CREATE INDEX `tasks_by_owner` ON `tasks` (`owner`);",
      "CREATE INDEX `tasks_by_status` ON `tasks` (`status`);",
      "CREATE INDEX `tasks_by_update` ON `tasks` (`updated_at`);",
      "CREATE TABLE `upload_chunks` (\n\t`upload_id` text(36) NOT NULL,\n\t`position` integer NOT NULL,\n\t`digest` text(64),\n\tPRIMARY KEY(`upload_id`, `position`),\n\tFOREIGN KEY (`upload_id`) REFERENCES `uploads`(`id`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE INDEX `upload_chunks_by_digest` ON `upload_chunks` (`digest`);",
      "CREATE TABLE `uploads` (\n\t`id` text(36) PRIMARY KEY NOT NULL,\n\t`image_id` text(36) NOT NULL,\n\t`started_at` integer NOT NULL,\n\t`heartbeat_at` integer NOT NULL,\n\tFOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE UNIQUE INDEX `uploads_image_id_unique` ON `uploads` (`image_id`);"
    ]
  },
  {
    "revision": "0001_site",
    "statements": [
      "CREATE TABLE `site` (\n\t`key` text PRIMARY KEY NOT NULL,\n\t`value` text NOT NULL\n);"
    ]
  },
  {
    "revision": "0002_pins",
    "statements": [
      "CREATE TABLE `cached_images` (\n\t`image_id` text(36) PRIMARY KEY NOT NULL,\n\t`pinned_at` integer,\n\t`hits` integer DEFAULT 0 NOT NULL,\n\t`last_accessed_at` integer,\n\tFOREIGN KEY (`image_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE cascade\n);"
    ]
  },
  {
    "revision": "0003_tokens",
    "statements": [
      "CREATE TABLE `remembered_tokens` (\n\t`hash` text(64) PRIMARY KEY NOT NULL,\n\t`identity` text NOT NULL,\n\t`validated_at` integer NOT NULL,\n\t`expires_at` integer NOT NULL\n);",
      "CREATE INDEX `remembered_tokens_by_expiry` ON `remembered_tokens` (`expires_at`);"
    ]
  },
  {
    "revision": "0004_metadefs",
    "statements": [
      "CREATE TABLE `metadef_namespaces` (\n\t`id` text(36) PRIMARY KEY NOT NULL,\n\t`namespace` text(80) NOT NULL,\n\t`display_name` text(80),\n\t`description` text(500),\n\t`visibility` text(32),\n\t`protected` integer DEFAULT false NOT NULL,\n\t`owner` text(255),\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL\n);",
      "CREATE UNIQUE INDEX `metadef_namespaces_namespace_unique` ON `metadef_namespaces` (`namespace`);",
      "CREATE INDEX `metadef_namespaces_by_owner` ON `metadef_namespaces` (`owner`);",
      "CREATE TABLE `metadef_objects` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`namespace_id` text(36) NOT NULL,\n\t`name` text(80) NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\t`description` text,\n\t`required` text,\n\t`json_schema` text,\n\tFOREIGN KEY (`namespace_id`) REFERENCES `metadef_namespaces`(`id`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE UNIQUE INDEX `metadef_objects_namespace_id_name_unique` ON `metadef_objects` (`namespace_id`,`name`);",
      "CREATE TABLE `metadef_properties` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`namespace_id` text(36) NOT NULL,\n\t`name` text(80) NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\t`json_schema` text NOT NULL,\n\tFOREIGN KEY (`namespace_id`) REFERENCES `metadef_namespaces`(`id`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE UNIQUE INDEX `metadef_properties_namespace_id_name_unique` ON `metadef_properties` (`namespace_id`,`name`);",
      "CREATE TABLE `metadef_namespace_resource_types` (\n\t`namespace_id` text(36) NOT NULL,\n\t`resource_type` text(80) NOT NULL,\n\t`properties_target` text(80),\n\t`prefix` text(80),\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\tPRIMARY KEY(`namespace_id`, `resource_type`),\n\tFOREIGN KEY (`namespace_id`) REFERENCES `metadef_namespaces`(`id`) ON UPDATE no action ON DELETE cascade,\n\tFOREIGN KEY (`resource_type`) REFERENCES `metadef_resource_types`(`name`) ON UPDATE no action ON DELETE no action\n);",
      "CREATE INDEX `metadef_associations_by_resource_type` ON `metadef_namespace_resource_types` (`resource_type`);",
      "CREATE TABLE `metadef_resource_types` (\n\t`name` text(80) PRIMARY KEY NOT NULL,\n\t`protected` integer DEFAULT false NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL\n);",
      "CREATE TABLE `metadef_tags` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`namespace_id` text(36) NOT NULL,\n\t`name` text(80) NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\tFOREIGN KEY (`namespace_id`) REFERENCES `metadef_namespaces`(`id`) ON UPDATE no action ON DELETE cascade\n);",
      "CREATE UNIQUE INDEX `metadef_tags_namespace_id_name_unique` ON `metadef_tags` (`namespace_id`,`name`);"
    ]
  },
  {
    "revision": "0005_deletions",
    "statements": [
      "CREATE INDEX `images_by_usage` ON `images` (`owner`,`status`,`size`) WHERE status NOT IN ('killed', 'deleted');",
      "CREATE INDEX `images_by_deletion` ON `images` (`status`,`deleted_at`) WHERE deleted_at IS NOT NULL;"
    ]
  },
  {
    "revision": "0006_stores",
    "statements": [
      "CREATE TABLE `loose_objects` (\n\t`store` text(255) NOT NULL,\n\t`url` text NOT NULL,\n\t`claimed_at` integer DEFAULT 0 NOT NULL,\n\tPRIMARY KEY(`store`, `url`)\n);",
      "DROP TABLE `condemned_chunks`;",
      "CREATE TABLE `condemned_chunks` (\n\t`store` text(255) NOT NULL,\n\t`digest` text(64) NOT NULL,\n\t`condemned_at` integer NOT NULL,\n\tPRIMARY KEY(`store`, `digest`)\n);",
      "ALTER TABLE `image_locations` ADD `store` text(255) DEFAULT '' NOT NULL;",
      "CREATE INDEX `image_locations_by_store` ON `image_locations` (`store`,`url`);"
    ]
  },
  {
    "revision": "0007_imports",
    "statements": [
      "ALTER TABLE `tasks` ADD `runner` text(36);",
      "ALTER TABLE `tasks` ADD `attempts` integer DEFAULT 0 NOT NULL;",
      "ALTER TABLE `uploads` ADD `blob` text(64);"
    ]
  },
  {
    "revision": "0008_lists",
    "statements": [
      "DROP INDEX `images_by_visibility`;",
      "DROP INDEX `images_by_name`;",
      "DROP INDEX `images_by_update`;",
      "DROP INDEX `images_by_owner`;",
      "DROP INDEX `images_by_creation`;",
      "CREATE INDEX `images_by_visibility_and_name` ON `images` (`os_hidden`,`visibility`,`name`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_owner_and_name` ON `images` (`os_hidden`,`owner`,`visibility`,`name`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_visibility_and_status` ON `images` (`os_hidden`,`visibility`,`status`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_owner_and_status` ON `images` (`os_hidden`,`owner`,`visibility`,`status`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_visibility_and_container_format` ON `images` (`os_hidden`,`visibility`,`container_format`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_owner_and_container_format` ON `images` (`os_hidden`,`owner`,`visibility`,`container_format`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_visibility_and_disk_format` ON `images` (`os_hidden`,`visibility`,`disk_format`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_owner_and_disk_format` ON `images` (`os_hidden`,`owner`,`visibility`,`disk_format`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_visibility_and_size` ON `images` (`os_hidden`,`visibility`,`size`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_owner_and_size` ON `images` (`os_hidden`,`owner`,`visibility`,`size`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_visibility_and_id` ON `images` (`os_hidden`,`visibility`,`id`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_owner_and_id` ON `images` (`os_hidden`,`owner`,`visibility`,`id`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_visibility_and_created_at` ON `images` (`os_hidden`,`visibility`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_owner_and_created_at` ON `images` (`os_hidden`,`owner`,`visibility`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_visibility_and_updated_at` ON `images` (`os_hidden`,`visibility`,`updated_at`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';",
      "CREATE INDEX `images_by_owner_and_updated_at` ON `images` (`os_hidden`,`owner`,`visibility`,`updated_at`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';"
    ]
  },
  {
    "revision": "0009_saving",
    "statements": [
      "CREATE INDEX `image_locations_saving` ON `image_locations` (`updated_at`) WHERE status = 'saving';"
    ]
  }
]
