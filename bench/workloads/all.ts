import type { Workload } from '../workload.ts'
import { list, show } from './api.ts'
import { coldGet, stampede } from './cold.ts'
import { feedLag } from './feed.ts'
import { filteredList } from './filtered-list.ts'
import { followers } from './followers.ts'
import { getWorkload } from './get.ts'
import { growth } from './growth.ts'
import { memory, sizes } from './large.ts'
import { ranges } from './ranges.ts'
import { rebuilt } from './rebuilt.ts'
import { start } from './start.ts'
import { upload } from './upload.ts'

/** In the order in which they run. */
export const WORKLOADS: Workload[] = [
  getWorkload(1),
  getWorkload(8),
  getWorkload(64),
  ranges,
  coldGet,
  stampede,
  rebuilt,
  show,
  list,
  filteredList,
  upload,
  memory,
  feedLag,
  followers,
  start,
  sizes,
  growth,
]
