DROP INDEX `images_by_visibility`;--> statement-breakpoint
DROP INDEX `images_by_name`;--> statement-breakpoint
DROP INDEX `images_by_update`;--> statement-breakpoint
DROP INDEX `images_by_owner`;--> statement-breakpoint
DROP INDEX `images_by_creation`;--> statement-breakpoint
CREATE INDEX `images_by_visibility_and_name` ON `images` (`os_hidden`,`visibility`,`name`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_owner_and_name` ON `images` (`os_hidden`,`owner`,`visibility`,`name`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_visibility_and_status` ON `images` (`os_hidden`,`visibility`,`status`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_owner_and_status` ON `images` (`os_hidden`,`owner`,`visibility`,`status`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_visibility_and_container_format` ON `images` (`os_hidden`,`visibility`,`container_format`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_owner_and_container_format` ON `images` (`os_hidden`,`owner`,`visibility`,`container_format`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_visibility_and_disk_format` ON `images` (`os_hidden`,`visibility`,`disk_format`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_owner_and_disk_format` ON `images` (`os_hidden`,`owner`,`visibility`,`disk_format`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_visibility_and_size` ON `images` (`os_hidden`,`visibility`,`size`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_owner_and_size` ON `images` (`os_hidden`,`owner`,`visibility`,`size`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_visibility_and_id` ON `images` (`os_hidden`,`visibility`,`id`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_owner_and_id` ON `images` (`os_hidden`,`owner`,`visibility`,`id`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_visibility_and_created_at` ON `images` (`os_hidden`,`visibility`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_owner_and_created_at` ON `images` (`os_hidden`,`owner`,`visibility`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_visibility_and_updated_at` ON `images` (`os_hidden`,`visibility`,`updated_at`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';--> statement-breakpoint
CREATE INDEX `images_by_owner_and_updated_at` ON `images` (`os_hidden`,`owner`,`visibility`,`updated_at`,`created_at`) WHERE deleted_at IS NULL AND status <> 'killed';