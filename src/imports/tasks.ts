import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  gt,
  isNotNull,
  isNull,
  lt,
  or,
  type SQL,
} from 'drizzle-orm'
import { tasks } from '../../schema/tables.ts'
import { freeing, type Registry } from '../registry/database.ts'
import type { TaskQuery } from './query.ts'
import type { Task } from './task.ts'

/** Tasks of one image that are told. */
const MOST_OF_IMAGE = 1000

const { runner: _runner, attempts: _attempts, ...columns } = getTableColumns(tasks)

/** The tasks of the registry, as those see them who ask how they are. Expired ones are not there. */
export interface TaskRepo {
  find(id: string): Promise<Task | null>
  /** The page after the marker. */
  list(query: TaskQuery, marker: Task | null): Promise<Task[]>
  /** The newest first. `owner` null is for those of all projects. */
  ofImage(imageId: string, owner: string | null): Promise<Task[]>
  /** A task that has ended as soon as it is there. */
  addFailed(task: NewTask, message: string): Promise<void>
  /** Marks those as deleted whose time has come. */
  deleteExpired(): Promise<void>
}

export type NewTask = Pick<Task, 'id' | 'type' | 'owner' | 'request_id' | 'user_id' | 'input'>

/** `timeToLive` is for how long (ms) a task is told of once it has ended. */
export function createTaskRepo(registry: Registry, timeToLive: number): TaskRepo {
  return {
    async find(id) {
      const found = await registry
        .select(columns)
        .from(tasks)
        .where(and(isThere(), eq(tasks.id, id)))
      return found[0] ?? null
    },

    list: ({ filters, sort, limit }, marker) => {
      const column = tasks[sort.key]
      const isAscending = sort.direction === 'asc'
      const order = isAscending ? asc : desc
      return registry
        .select(columns)
        .from(tasks)
        .where(
          and(
            isThere(),
            filters.status === null ? undefined : eq(tasks.status, filters.status),
            filters.type === null ? undefined : eq(tasks.type, filters.type),
            marker ? comesAfter(marker, sort) : undefined,
          ),
        )
        .orderBy(order(column), order(tasks.created_at), order(tasks.id))
        .limit(limit)
        .all()
    },

    ofImage: (imageId, owner) =>
      registry
        .select(columns)
        .from(tasks)
        .where(
          and(
            isThere(),
            eq(tasks.image_id, imageId),
            owner === null ? undefined : eq(tasks.owner, owner),
          ),
        )
        .orderBy(desc(tasks.created_at), desc(tasks.id))
        .limit(MOST_OF_IMAGE)
        .all(),

    async addFailed(task, message) {
      const at = Date.now()
      const times = { created_at: at, updated_at: at, expires_at: at + timeToLive }
      await registry.insert(tasks).values({ ...task, status: 'failure', message, ...times })
    },

    async deleteExpired() {
      const at = Date.now()
      await freeing(registry)
        .update(tasks)
        .set({ deleted_at: at })
        .where(and(isNull(tasks.deleted_at), lt(tasks.expires_at, at)))
    },
  }
}

function isThere(): SQL | undefined {
  return and(
    isNull(tasks.deleted_at),
    or(isNull(tasks.expires_at), gt(tasks.expires_at, Date.now())),
  )
}

/** What nobody has noted sorts before all else, as the database has it. */
function comesAfter(marker: Task, { key, direction }: TaskQuery['sort']): SQL | undefined {
  const follows = direction === 'asc' ? gt : lt
  const value = marker[key]
  const later = or(
    follows(tasks.created_at, marker.created_at),
    and(eq(tasks.created_at, marker.created_at), follows(tasks.id, marker.id)),
  )
  if (value === null) {
    const others = direction === 'asc' ? isNotNull(tasks[key]) : undefined
    return or(others, and(isNull(tasks[key]), later))
  }
  const nulls = direction === 'desc' ? isNull(tasks[key]) : undefined
  return or(nulls, follows(tasks[key], value), and(eq(tasks[key], value), later))
}
