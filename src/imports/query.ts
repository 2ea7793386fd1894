import { TASK_STATUSES } from '../../schema/task-types.ts'
import { HeliostatError } from '../errors.ts'
import { type ListLimits, parseLimit } from '../paging.ts'
import type { Task } from './task.ts'

const SORT_KEYS = [
  'id',
  'type',
  'status',
  'owner',
  'image_id',
  'request_id',
  'user_id',
  'created_at',
  'updated_at',
  'expires_at',
] as const

export interface TaskQuery {
  limit: number
  filters: { status: Task['status'] | null; type: Task['type'] | null }
  sort: { key: (typeof SORT_KEYS)[number]; direction: 'asc' | 'desc' }
}

/** The parameters of a list of tasks; those that are not known are ignored. */
export function parseTaskQuery(params: URLSearchParams, options: ListLimits): TaskQuery {
  const limit = parseLimit(params.get('limit')) ?? options.limit_param_default
  return {
    limit: Math.min(limit, options.api_limit_max),
    filters: { status: parseStatus(params.get('status')), type: parseType(params.get('type')) },
    sort: {
      key: parseSortKey(params.get('sort_key')),
      direction: parseDirection(params.get('sort_dir')),
    },
  }
}

function parseStatus(given: string | null): Task['status'] | null {
  if (given === null) return null
  const status = TASK_STATUSES.find((known) => known === given)
  if (status) return status
  throw invalid(`Invalid status value: ${given}, wanted one of: ${TASK_STATUSES.join(', ')}`)
}

/** As in Glance only the oldest type may be asked for. */
function parseType(given: string | null): Task['type'] | null {
  if (given === null || given === 'import') return given
  throw invalid(`Invalid type value: ${given}, wanted "import"`)
}

function parseSortKey(given: string | null): TaskQuery['sort']['key'] {
  if (given === null) return 'created_at'
  const key = SORT_KEYS.find((known) => known === given)
  if (key) return key
  throw invalid(`Sort key supplied was not valid: ${given}, wanted one of: ${SORT_KEYS.join(', ')}`)
}

function parseDirection(given: string | null): TaskQuery['sort']['direction'] {
  if (given === null) return 'desc'
  if (given === 'asc' || given === 'desc') return given
  throw invalid(`Invalid sort direction: ${given}, wanted "asc" or "desc"`)
}

function invalid(message: string): HeliostatError {
  return new HeliostatError('invalid', message)
}
