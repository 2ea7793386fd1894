/** The platform's `fetch`, as far as it is needed. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>
