import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { createImage, type ShownImage } from '../support/images.ts'
import { openSiteOn } from '../support/local-site.ts'
import { asCaller, temporaryFolder } from '../support/site.ts'

it('a list leaves out what the rule of get_image hides, whole pages too, and goes on behind it', async () => {
  const folder = await temporaryFolder()
  const policy_file = join(folder.path, 'policy.yaml')
  await writeFile(policy_file, `get_image: "role:reader and not 'yes':%(secret)s"\n`)
  const site = await openSiteOn(folder.path, { oslo_policy: { policy_file } })
  const headers = asCaller('mine')
  const secrets = ['no', 'yes', 'yes', 'yes', 'no', 'yes']
  const made = []
  for (const secret of secrets) made.push(await createImage(site, { secret }, headers))
  const wanted = made.filter(({ secret }) => secret === 'no').map(({ id }) => id)

  const seen: string[] = []
  let next: string | undefined = '/v2/images?limit=2&sort=created_at:asc'
  while (next !== undefined) {
    const page: { images: ShownImage[]; next?: string } = await (
      await site.request(next, { headers })
    ).json()
    seen.push(...page.images.map(({ id }) => id))
    next = page.next
  }
  assert.deepEqual(seen, wanted)
  await site.close()
  await folder.remove()
})
