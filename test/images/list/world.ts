/** Images, callers and queries that property tests of lists are made of. Values are few, so that they meet. */
import fc from 'fast-check'
import {
  imageMembers,
  imageProperties,
  images,
  imageTags,
  VISIBILITIES,
} from '../../../schema/tables.ts'
import type { Registry } from '../../../src/registry/database.ts'
import { queuedImage } from '../../support/registry.ts'
import { asCaller } from '../../support/site.ts'
import type { ModelCaller, ModelFilter, ModelImage, ModelQuery } from './model.ts'

const PROJECTS = ['alice', 'bob', 'carol'] as const
const NAMES = ['a', 'B', 'b', 'with, comma', '"quoted"', 'in:a'] as const
const STATUSES = ['queued', 'active', 'deactivated', 'killed'] as const
const NOON = Date.UTC(2024, 4, 1, 12)

const anyProject = fc.constantFrom(...PROJECTS)
const anyTime = fc.integer({ min: -3, max: 3 }).map((halves) => NOON + halves * 500)
const anyTag = fc.constantFrom('x', 'y', 'é')

export const anyImage: fc.Arbitrary<ModelImage> = fc
  .record({
    id: fc.uuid(),
    name: fc.constantFrom(null, '', ...NAMES),
    status: fc.constantFrom(...STATUSES, 'active' as const, 'active' as const),
    visibility: fc.constantFrom(...VISIBILITIES, 'shared' as const),
    owner: fc.option(anyProject, { freq: 5 }),
    disk_format: fc.constantFrom(null, 'raw', 'qcow2'),
    size: fc.constantFrom(null, 0, 9, 10, 5e12),
    min_ram: fc.constantFrom(0, 512),
    protected: fc.boolean(),
    os_hidden: fc.constantFrom(false, false, false, false, false, true),
    created_at: anyTime,
    updated_at: anyTime,
    tags: fc.uniqueArray(anyTag),
    properties: fc.dictionary(fc.constantFrom('os_distro', 'owner_id'), fc.constantFrom('', 'a')),
    members: fc.dictionary(anyProject, fc.constantFrom('pending', 'accepted', 'rejected')),
  })
  .map((attributes) => ({ ...queuedImage(), ...attributes }))

/** Writes images as they are, whatever the API would make of them. */
export async function writeImages(registry: Registry, created: ModelImage[]): Promise<void> {
  const rows = created.map(({ tags: _tags, properties: _properties, members: _m, ...row }) => row)
  const tags = created.flatMap(({ id, tags: values }) =>
    values.map((value) => ({ image_id: id, value })),
  )
  const properties = created.flatMap((image) =>
    Object.entries(image.properties).map(([name, value]) => ({ image_id: image.id, name, value })),
  )
  const times = { created_at: NOON, updated_at: NOON }
  const members = created.flatMap((image) =>
    Object.entries(image.members).map(([member, status]) => ({
      image_id: image.id,
      member,
      status,
      ...times,
    })),
  )
  if (rows.length > 0) await registry.insert(images).values(rows)
  if (tags.length > 0) await registry.insert(imageTags).values(tags)
  if (properties.length > 0) await registry.insert(imageProperties).values(properties)
  if (members.length > 0) await registry.insert(imageMembers).values(members)
}

/** Forgets every image, and with it what belongs to it. */
export async function forgetImages(registry: Registry): Promise<void> {
  await registry.delete(images)
}

export const anyCaller: fc.Arbitrary<ModelCaller> = fc.oneof(
  fc.record({ isAdmin: fc.constant(false), project: anyProject }),
  fc.record({ isAdmin: fc.constant(true), project: fc.constantFrom('alice', 'cloud', null) }),
)

export function headersOf({ isAdmin, project }: ModelCaller): Record<string, string> {
  const headers = asCaller(project ?? '', isAdmin ? 'admin,member,reader' : 'reader')
  const { 'X-Project-Id': _, ...projectless } = headers
  return project === null ? projectless : headers
}

const equals = (name: keyof ModelImage, value: unknown, text = String(value)): ModelFilter => ({
  parameter: [name, text],
  accepts: (image) => image[name] === value,
})

const anyText = (name: 'name' | 'status' | 'disk_format', values: readonly string[]) =>
  fc.oneof(
    fc
      .constantFrom(...values.filter((value) => !value.includes(':')))
      .map((value) => equals(name, value)),
    fc.constantFrom(...values).map((value) => equals(name, value, `eq:${value}`)),
    fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 }).map((wanted) => ({
      parameter: [name, `in:${wanted.map(quote).join(',')}`] as [string, string],
      accepts: (image: ModelImage) => wanted.some((value) => value === image[name]),
    })),
  )

const quote = (value: string): string => `"${value.replaceAll('"', '\\"')}"`

const anyBound = fc
  .record({
    column: fc.constantFrom('size' as const, 'min_ram' as const),
    end: fc.constantFrom('min' as const, 'max' as const),
    bound: fc.constantFrom(-1, 0, 9, 10, 512, 5e12),
  })
  .map(({ column, end, bound }): ModelFilter => ({
    parameter: [`${column}_${end}`, String(bound)],
    accepts: (image) => {
      const value = image[column]
      return value !== null && (end === 'min' ? value >= bound : value <= bound)
    },
  }))

const COMPARISONS: Record<string, (second: number, wanted: number) => boolean> = {
  '': (second, wanted) => second === wanted,
  'eq:': (second, wanted) => second === wanted,
  'neq:': (second, wanted) => second !== wanted,
  'gt:': (second, wanted) => second > wanted,
  'gte:': (second, wanted) => second >= wanted,
  'lt:': (second, wanted) => second < wanted,
  'lte:': (second, wanted) => second <= wanted,
}

/** Times are compared as they are shown: to the second. */
const anyTimeFilter = fc
  .record({
    column: fc.constantFrom('created_at' as const, 'updated_at' as const),
    operator: fc.constantFrom(...Object.keys(COMPARISONS)),
    wanted: fc.integer({ min: -2, max: 2 }).map((seconds) => NOON / 1000 + seconds),
  })
  .map(({ column, operator, wanted }): ModelFilter => ({
    parameter: [column, `${operator}${new Date(wanted * 1000).toISOString().slice(0, 19)}Z`],
    accepts: (image) => COMPARISONS[operator]?.(Math.floor(image[column] / 1000), wanted) ?? false,
  }))

const anyFilter: fc.Arbitrary<ModelFilter> = fc.oneof(
  anyText('name', NAMES),
  anyText('status', STATUSES),
  anyText('disk_format', ['raw', 'qcow2', 'iso']),
  anyProject.map((owner) => equals('owner', owner)),
  fc.constantFrom(0, 9, 10).map((size) => equals('size', size)),
  fc.boolean().map((isProtected) => equals('protected', isProtected)),
  anyBound,
  anyTimeFilter,
  fc.constantFrom('x', 'y', 'é', 'z').map((tag) => ({
    parameter: ['tag', tag] as [string, string],
    accepts: ({ tags }: ModelImage) => tags.includes(tag),
  })),
  fc
    .tuple(fc.constantFrom('os_distro', 'owner_id', 'members'), fc.constantFrom('', 'a', 'in:a'))
    .map(([name, value]) => ({
      parameter: [name, value] as [string, string],
      accepts: ({ properties }: ModelImage) => properties[name] === value,
    })),
)

/** No parameter twice, but for tags: of the others only the last would count. */
const someFilters = (maxLength: number) =>
  fc.uniqueArray(anyFilter, {
    selector: ({ parameter: [name, value] }) => (name === 'tag' ? `tag ${value}` : name),
    maxLength,
  })

const sometimes = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.option(arbitrary, { nil: undefined, freq: 2 })

export const anyQuery: fc.Arbitrary<ModelQuery> = fc.record({
  visibility: sometimes(fc.constantFrom(...VISIBILITIES, 'all', 'all', 'all', '')),
  memberStatus: sometimes(fc.constantFrom('pending', 'accepted', 'rejected', 'all')),
  hidden: fc.constantFrom(undefined, undefined, undefined, undefined, false, true),
  filters: fc.oneof(someFilters(0), someFilters(1), someFilters(1), someFilters(3)),
})

export function parametersOf(query: ModelQuery): URLSearchParams {
  const params = new URLSearchParams(query.filters.map(({ parameter }) => parameter))
  if (query.visibility !== undefined) params.set('visibility', query.visibility)
  if (query.memberStatus !== undefined) params.set('member_status', query.memberStatus)
  if (query.hidden !== undefined) params.set('os_hidden', String(query.hidden))
  return params
}
