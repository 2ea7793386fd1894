/** Writes the SQL that drizzle-kit generated into a module, since Workers have no files to read migrations from. */
import { readFile, writeFile } from 'node:fs/promises'

interface Journal {
  entries: { tag: string }[]
}

const folder = new URL('../schema/migrations/', import.meta.url)
const journal: Journal = JSON.parse(await readFile(new URL('meta/_journal.json', folder), 'utf8'))

const migrations = await Promise.all(
  journal.entries.map(async ({ tag }) => ({
    revision: tag,
    statements: (await readFile(new URL(`${tag}.sql`, folder), 'utf8'))
      .split('--> statement-breakpoint')
      .map((statement) => statement.trim()),
  })),
)

await writeFile(
  new URL('embedded.ts', folder),
  `// Written by scripts/embed-migrations.ts from the SQL files beside it.
export const MIGRATIONS: { revision: string; statements: string[] }[] = ${JSON.stringify(migrations, null, 2)}
`,
)
