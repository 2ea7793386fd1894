/** Another process on a registry's file: brings the schema up to date, then counts up so many times. */
import { openRegistry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { migrate } from '../../src/registry/migrate.ts'

const [file = '', times = '0'] = process.argv.slice(2)
const client = openEmbedded(file)
const applied = await migrate(openRegistry(client))
for (let i = 0; i < Number(times); i++) {
  // What reads before it writes fails where it does not have the lock from the start.
  await client.batch(['SELECT value FROM counters', 'UPDATE counters SET value = value + 1'])
}
client.close()
console.log(JSON.stringify(applied))
