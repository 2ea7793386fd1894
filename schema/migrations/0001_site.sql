CREATE TABLE `site` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
