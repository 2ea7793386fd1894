import type { Command } from 'commander'

const ID = '71c675ab-d94f-49cd-a114-e12490b328d9'
const EDGE = '--url http://EDGE:9292'

/** What the help of each command shows, by its name. */
const EXAMPLES: Record<string, readonly string[]> = {
  heliostat: [
    'heliostat serve                                   # an origin on http://127.0.0.1:9292, data in ./data',
    'heliostat serve --config-file glance-api.conf',
    'heliostat db check',
  ],
  'heliostat serve': [
    'heliostat serve --data-dir /srv/images --port 9292',
    'heliostat serve --config-file /etc/glance/glance-api.conf',
    'heliostat serve --data-dir ./edge --port 9293 --upstream https://ORIGIN:9292 --upstream-token-file token',
  ],
  'heliostat config': ['heliostat config --config-file /etc/glance/glance-api.conf'],
  'heliostat policy': ['heliostat policy check policy.yaml'],
  'heliostat policy list': ['heliostat policy list --config-file /etc/glance/glance-api.conf'],
  'heliostat policy check': ['heliostat policy check policy.yaml && mv policy.yaml /etc/glance/'],
  'heliostat token': [
    'heliostat token --user alice --project demo >> tokens',
    'heliostat token --user root --project cloud --roles admin,member,reader >> tokens',
  ],
  'heliostat db': ['heliostat db check --data-dir /var/lib/heliostat'],
  'heliostat db sync': [
    'HELIOSTAT_DATABASE__CONNECTION=libsql://DATABASE heliostat db sync',
    'heliostat db sync --data-dir /var/lib/heliostat',
  ],
  'heliostat db version': ['heliostat db version --data-dir /var/lib/heliostat'],
  'heliostat db check': ['heliostat db check --config-file /etc/heliostat/heliostat.conf'],
  'heliostat db new-epoch': ['heliostat db new-epoch --data-dir /var/lib/heliostat'],
  'heliostat db become-origin': [
    'systemctl stop heliostat && heliostat db become-origin --data-dir /var/lib/heliostat',
  ],
  'heliostat db sweep': [
    'heliostat db sweep --data-dir /var/lib/heliostat',
    'heliostat db sweep --grace 0                      # also what was deleted a moment ago',
  ],
  'heliostat db scrub': ['heliostat db scrub --config-file /etc/heliostat/heliostat.conf'],
  'heliostat db restore': [`heliostat db restore ${ID}`],
  'heliostat db purge': ['heliostat db purge --age-in-days 90 --max-rows -1'],
  'heliostat db purge-images-table': ['heliostat db purge-images-table --age-in-days 365'],
  'heliostat db load-metadefs': [
    'heliostat db load-metadefs /usr/share/glance-common/metadefs',
    'heliostat db load-metadefs compute-watchdog.json --prefer-new',
  ],
  'heliostat db unload-metadefs': ['heliostat db unload-metadefs --data-dir /var/lib/heliostat'],
  'heliostat db export-metadefs': ['heliostat db export-metadefs ./metadefs'],
  'heliostat store': ['heliostat store list --config-file /etc/glance/glance-api.conf'],
  'heliostat store list': ['heliostat store list --json'],
  'heliostat store check': ['heliostat store check ceph --config-file /etc/glance/glance-api.conf'],
  'heliostat store copy': [
    'heliostat store copy --to ceph --all --rate 800',
    `heliostat store copy --to ceph --from fast ${ID}`,
  ],
  'heliostat store verify': ['heliostat store verify ceph --repair'],
  'heliostat store drain': ['heliostat store drain old --to ceph'],
  'heliostat task': ['heliostat task list --status processing'],
  'heliostat task list': ['heliostat task list --json', `heliostat task list --image ${ID}`],
  'heliostat task show': ['heliostat task show 05cf47a8-02b4-470c-a61f-45addae91c61'],
  'heliostat task cancel': ['heliostat task cancel 05cf47a8-02b4-470c-a61f-45addae91c61'],
  'heliostat import-glance': [
    '. openrc && heliostat import-glance http://GLANCE:9292 --dry-run',
    'heliostat import-glance http://GLANCE:9292 --follow --parallel 4 --data-dir /var/lib/heliostat',
  ],
  'heliostat export': ['heliostat export /mnt/images --data-dir /var/lib/heliostat'],
  'heliostat load': [`heliostat load /mnt/images ${ID}`],
  'heliostat mirror': [`heliostat mirror status ${EDGE}`],
  'heliostat mirror status': [
    `HELIOSTAT_MIRROR_TOKEN=$(cat token) heliostat mirror status ${EDGE}`,
    `heliostat mirror status ${EDGE} --json`,
  ],
  'heliostat mirror sync': [`heliostat mirror sync ${EDGE} --timeout 300`],
  'heliostat mirror pin': [`heliostat mirror pin ubuntu ${EDGE} --wait`],
  'heliostat mirror unpin': [`heliostat mirror unpin ${ID} ${EDGE}`],
  'heliostat mirror verify': ['heliostat mirror verify --data-dir /var/lib/heliostat'],
}

/** Ends the help of a command, and of each below it, with a paragraph of examples. */
export function addExamples(command: Command, path: string = command.name()): void {
  const examples = (EXAMPLES[path] ?? []).map((example) => `  ${example}`)
  if (examples.length > 0) command.addHelpText('after', ['\nExamples:', ...examples].join('\n'))
  for (const below of command.commands) addExamples(below, `${path} ${below.name()}`)
}
