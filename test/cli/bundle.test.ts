import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { appendFile, cp, mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import manifest from '../../package.json' with { type: 'json' }
import { serveArguments } from '../support/launcher.ts'
import { startServer } from '../support/process.ts'
import { temporaryFolder } from '../support/site.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LAUNCHED = manifest.bin.heliostat

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

function version(root: string) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [join(root, LAUNCHED), '--version'], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
  })
}

/** A checkout, with all packages or without one of them. */
async function checkOut(name: string, without = ''): Promise<string> {
  const root = join(folder.path, name)
  const modules = join(root, 'node_modules')
  await mkdir(modules, { recursive: true })
  for (const part of ['src', 'schema', 'scripts', 'package.json', 'package-lock.json']) {
    await cp(join(ROOT, part), join(root, part), { recursive: true })
  }
  for (const each of await readdir(join(ROOT, 'node_modules'))) {
    if (each !== without) await symlink(join(ROOT, 'node_modules', each), join(modules, each))
  }
  return root
}

describe('the bundle of the commands', () => {
  it('is made when it is missing, and again when a source has changed, and that is said', async () => {
    const root = await checkOut('changed')
    const first = await version(root)
    assert.match(first.stderr, /^heliostat: bundled the sources, which had changed, in \d/)
    assert.equal(first.stdout, `${manifest.version}\n`)

    assert.deepEqual(await version(root), { code: 0, stdout: first.stdout, stderr: '' })

    await appendFile(join(root, 'src/reason.ts'), "\nprocess.stdout.write('changed ')\n")
    const changed = await version(root)
    assert.match(changed.stderr, /^heliostat: bundled the sources, which had changed/)
    assert.equal(changed.stdout, `changed ${manifest.version}\n`)
  })

  it('is done without where esbuild is missing: by the sources, or it is said what to do', async () => {
    const root = await checkOut('production', 'esbuild')
    const prepared = execFileSync(process.execPath, [join(root, 'scripts/build.js')], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
    assert.equal(prepared, '')
    const { code, stdout, stderr } = await version(root)
    if ('typescript' in process.features && process.features.typescript) {
      assert.deepEqual({ code, stdout }, { code: 0, stdout: `${manifest.version}\n` })
    } else {
      assert.equal(code, 1)
      assert.match(
        stderr,
        /^heliostat: the sources cannot be bundled: Cannot find package 'esbuild'/,
      )
      assert.match(stderr, /run npm ci, or use Node 22\.18 or newer\n$/)
    }
  })

  it('names the sources in the trace of a mistake', async () => {
    const root = await checkOut('mistaken')
    await appendFile(join(root, 'src/reason.ts'), '\nnull.mistake\n')
    const { code, stderr } = await version(root)
    assert.equal(code, 1)
    assert.match(
      stderr,
      /TypeError: Cannot read properties of null \(reading 'mistake'\)\n +at .+src\/reason\.ts:43:/,
    )
  })

  it('is all of the sources that the published package has', async () => {
    const [packed] = JSON.parse(
      execFileSync(
        'npm',
        ['pack', '--json', '--ignore-scripts', '--pack-destination', folder.path],
        {
          cwd: ROOT,
          encoding: 'utf8',
        },
      ),
    )
    execFileSync('tar', ['-xzf', join(folder.path, packed.filename), '-C', folder.path])
    const root = join(folder.path, 'package')
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    const names = await readdir(join(root, 'src'), { recursive: true })
    assert.deepEqual(
      names.filter((name) => name.endsWith('.ts')),
      [],
    )

    const args = [join(root, LAUNCHED), ...serveArguments(join(folder.path, 'data'))]
    const { url, stop } = await startServer(process.execPath, args)
    assert.equal((await fetch(`${url}/v2/images`)).status, 200)
    assert.equal(await stop(), 0)
  })
})
