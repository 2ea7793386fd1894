/** Registries of the size that large sites have, for measurements and for the plans of lists. */
import type { Registry } from '../../src/registry/database.ts'

/** Whose lists are measured: how much of a registry belongs to each project. */
export const PROJECTS = {
  /** Has three images, and as many that are shared with it. */
  small: 'c0ffee00000000000000000000000001',
  /** Has three tenths of all images. */
  large: 'c0ffee00000000000000000000000002',
  /** Has no image; every tenth that is shared at all is shared with it. */
  guest: 'c0ffee00000000000000000000000003',
} as const

/** Rows that are written at once. */
const BATCH = 10_000

/** The same images for the same number: names, sizes, statuses and formats repeat, times hardly do. */
export async function writeManyImages(registry: Registry, count: number): Promise<void> {
  const { $client } = registry
  for (let from = 0; from < count; from += BATCH) {
    const args = [from, Math.min(from + BATCH, count) - 1]
    await $client.batch(
      [IMAGES, PROPERTIES, TAGS, MEMBERS, LOCATIONS].map((sql) => ({ sql: NUMBERS + sql, args })),
      'write',
    )
  }
}

/** `h`, `k`: two numbers of 32 bits that look random. The id begins with `h`, in which no two images are equal. */
const NUMBERS = `
  WITH RECURSIVE numbers(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2),
  seeds AS (
    SELECT n, (n * 2654435761 + 97) & 0xffffffff AS h, (n * 40503 * 69069 + n / 7 * 7919) & 0xffffffff AS k
    FROM numbers
  ),
  made AS (SELECT *, printf('%08x-0000-4000-8000-%012x', h, k) AS id, (h >> 8) % 1000 AS dice FROM seeds)
`

const DAY_2023 = 1_672_531_200_000

const IMAGES = `
  INSERT INTO images (id, name, disk_format, container_format, size, virtual_size, status, visibility, checksum,
    os_hash_algo, os_hash_value, min_disk, min_ram, owner, protected, os_hidden, created_at, updated_at)
  SELECT id,
    CASE WHEN k % 10 = 0 THEN NULL WHEN k % 2 = 0 THEN 'backup' ELSE printf('server-%05d-snapshot', k % 50000) END,
    CASE k % 7 WHEN 0 THEN NULL WHEN 1 THEN 'raw' WHEN 2 THEN 'iso' ELSE 'qcow2' END,
    CASE k % 50 WHEN 0 THEN 'ami' ELSE 'bare' END,
    CASE WHEN h % 100 = 1 THEN NULL ELSE k % 500 * 33554432 END,
    CASE WHEN h % 100 = 1 THEN NULL ELSE k % 40 * 1073741824 END,
    CASE h % 100 WHEN 1 THEN 'queued' WHEN 2 THEN CASE WHEN k % 100 = 0 THEN 'importing' ELSE 'deactivated' END
      ELSE 'active' END,
    CASE WHEN n IN (5, 6) THEN 'private' WHEN dice < 10 THEN 'public' WHEN dice < 15 THEN 'community'
      WHEN dice < 400 THEN 'private' ELSE 'shared' END,
    printf('%08x%08x%08x%08x', h, k, h, k), 'sha512', printf('%064x%032x%032x', h, k, h),
    k % 40, 512 * (k % 8),
    CASE WHEN n IN (4, 5, 6) THEN '${PROJECTS.small}' WHEN h % 10 < 3 THEN '${PROJECTS.large}'
      ELSE printf('%032x', h % 5000) END,
    k % 100 = 1, k % 200 = 3,
    ${DAY_2023} + (h & 0x7fffffff) * 43 + k % 41, ${DAY_2023} + (h & 0x7fffffff) * 43 + (k & 0xffffff) * 97
  FROM made`

const PROPERTIES = `
  INSERT INTO image_properties (image_id, name, value)
  SELECT id, p.name, p.value FROM made, (
    SELECT 0 AS i, 'os_distro' AS name, 'ubuntu' AS value UNION ALL SELECT 1, 'os_version', '24.04'
    UNION ALL SELECT 2, 'hw_disk_bus', 'virtio' UNION ALL SELECT 3, 'architecture', 'x86_64'
    UNION ALL SELECT 4, 'image_type', 'snapshot' UNION ALL SELECT 5, 'hypervisor_type', 'kvm'
  ) p WHERE (k + p.i) % 3 <> 0
  UNION ALL SELECT id, 'base_image_ref', printf('%08x-0000-4000-8000-000000000000', k % 3000) FROM made`

const TAGS = `
  INSERT INTO image_tags (image_id, value)
  SELECT id, 'nightly' FROM made WHERE k % 4 = 0
  UNION ALL SELECT id, printf('release-%d', k % 2000) FROM made`

const MEMBERS = `
  INSERT INTO image_members (image_id, member, status, created_at, updated_at)
  SELECT id, '${PROJECTS.guest}', CASE WHEN k % 20 = 9 THEN 'pending' ELSE 'accepted' END, ${DAY_2023}, ${DAY_2023}
  FROM made WHERE dice >= 400 AND h % 10 = 7
  UNION ALL SELECT id, '${PROJECTS.small}', 'accepted', ${DAY_2023}, ${DAY_2023} FROM made WHERE n IN (11, 12, 13)
  UNION ALL SELECT id, printf('%032x', k % 5000), 'accepted', ${DAY_2023}, ${DAY_2023} FROM made WHERE dice >= 900`

const LOCATIONS = `
  INSERT INTO image_locations (image_id, store, status, created_at, updated_at)
  SELECT id, 'file', 'active', ${DAY_2023}, ${DAY_2023} FROM made WHERE h % 100 <> 1`
