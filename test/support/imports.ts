import { setTimeout as sleep } from 'node:timers/promises'
import { OCTETS, showImage } from './images.ts'

interface Site {
  request(path: string, init?: RequestInit): Promise<Response>
}

/** A task as the tasks of its image show it. */
export interface ImageTask {
  id: string
  type: string
  status: string
  message: string
  input: { import_req: unknown; backend: string[]; image_id: string }
  [key: string]: unknown
}

export function stageData(site: Site, id: string, body: RequestInit['body'], headers = {}) {
  return site.request(`/v2/images/${id}/stage`, {
    method: 'PUT',
    headers: { ...OCTETS, Accept: 'application/json', ...headers },
    body: body ?? null,
    duplex: 'half',
  } as RequestInit)
}

/** Asks for an import by a method, or by a whole body. */
export function importImage(site: Site, id: string, asked: unknown, headers = {}) {
  const body = typeof asked === 'string' ? { method: { name: asked } } : asked
  return site.request(`/v2/images/${id}/import`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

export async function tasksOf(site: Site, id: string, headers = {}): Promise<ImageTask[]> {
  const response = await site.request(`/v2/images/${id}/tasks`, { headers })
  const { tasks } = (await response.json()) as { tasks: ImageTask[] }
  return tasks
}

/** The newest task of an image, once it has ended. */
export async function endedTask(site: Site, id: string, headers = {}): Promise<ImageTask> {
  for (const until = Date.now() + 20_000; ;) {
    const [task] = await tasksOf(site, id, headers)
    if (task && ['success', 'failure'].includes(task.status)) return task
    if (Date.now() > until) throw new Error(`The import goes on: ${JSON.stringify(task)}`)
    await sleep(10)
  }
}

/** An image with what an import has made of it. */
export async function importedImage(site: Site, id: string, headers = {}) {
  const task = await endedTask(site, id, headers)
  return { task, image: await showImage(site, id, headers) }
}
