/** What tasks may be: the first is the oldest, the last is that of the locations. */
export const TASK_TYPES = ['import', 'api_image_import', 'location_import'] as const

export const TASK_STATUSES = ['pending', 'processing', 'success', 'failure'] as const
