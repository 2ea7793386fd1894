import type { Missing, Report, Told } from '../imports/moving/report.ts'
import type { Watcher } from '../imports/moving/visit.ts'
import { hideCredentials } from '../masking.ts'
import { print, printError } from './print.ts'
import { createProgress, formatBytes, transferText } from './progress.ts'

/** What an operator sees while it runs: a bar, a line for each image, and at the end what differs. */
export interface Screen extends Watcher {
  failed(reason: string): void
  end(report: Report): void
}

/** `dryRun`: what is told is what would be done. */
export function createScreen({ json, dryRun }: { json: boolean; dryRun: boolean }): Screen {
  const bar = createProgress()
  const startedAt = performance.now()
  let [images, total, done, finished] = [0, 0, 0, 0]
  /** What was said of an image last: one that goes on failing is told of once. */
  const reasons = new Map<string, string>()

  /** A line stands alone, above the bar. */
  function say(write: () => void): void {
    bar.end()
    write()
  }

  return {
    total(count, bytes) {
      images = count
      total = bytes
    },

    bytes(count) {
      done += count
      // Images that came since, and those that are gone on with from their beginning, add to it.
      total = Math.max(total, done)
      const text = transferText({ done, total, before: 0, startedAt })
      bar.show(done, total, `${finished} of ${Math.max(images, finished)} images  ${text}`)
    },

    line(told, what) {
      if (told.size !== null) finished++
      if (!json) say(() => print(lineOf(told, what)))
    },

    failure(told, reason) {
      const isTold = reasons.get(told.id) === reason
      reasons.set(told.id, reason)
      if (!json && !isTold)
        say(() => printError(hideCredentials(`Not taken: ${told.id}: ${reason}`)))
    },

    failed: (reason) =>
      say(() => printError(hideCredentials(`The source could not be looked at: ${reason}`))),

    end(report) {
      bar.end()
      if (json) print(JSON.stringify(report))
      else if (dryRun) print(`Would take ${images} images, ${formatBytes(total)}`)
      else tellDone(report)
      if (!json) tellMissing(report)
    },
  }
}

function lineOf({ id, name, size }: Told, what: string): string {
  const bytes = size === null ? '–' : formatBytes(size)
  return [id, bytes.padStart(9), what, name ?? ''].join('  ').trimEnd()
}

function tellDone(report: Report): void {
  const { images, bytes, namespaces, notAtSource, deleted } = report
  const counts = [
    `took ${images.taken} (${formatBytes(bytes)})`,
    ...(images.adopted > 0 ? [`adopted ${images.adopted}`] : []),
    `recorded ${images.recorded} without data`,
    `updated ${images.updated}`,
    `${images.same} were the same`,
    ...(deleted > 0 ? [`deleted ${deleted}`] : []),
  ]
  print(`Images: ${counts.join(', ')}`)
  if (namespaces.taken + namespaces.same > 0) {
    print(
      `Metadata definitions: took ${namespaces.taken} namespaces, ${namespaces.same} were the same`,
    )
  }
  list('Not verified, since the source has no digest of them', report.unverified)
  list('Changed here since, and left as they are', report.changedHere)
  list('Deleted here, and not brought back', report.deletedHere)
  const gone = notAtSource.filter(({ wasThere }) => wasThere)
  const others = notAtSource.length - gone.length
  list('Deleted at the source, and still here', gone)
  if (others > 0) print(`Here and not at the source: ${others} images, deleted there or made here`)
}

function tellMissing({ complete, missing }: Report): void {
  if (!complete) printError('Not all of the source was looked at')
  if (missing.length === 0) return
  printError(`Missing here: ${missing.length}`)
  for (const one of missing) printError(hideCredentials(`  ${nameOf(one)}: ${one.reason}`))
}

function list(title: string, entries: Pick<Missing, 'id' | 'name'>[]): void {
  if (entries.length === 0) return
  print(`${title}: ${entries.length}`)
  for (const entry of entries) print(`  ${nameOf(entry)}`)
}

function nameOf({ id, name }: Pick<Missing, 'id' | 'name'>): string {
  return [id ?? 'an image without an id', name ?? ''].join('  ').trimEnd()
}
