const WINDOW = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/

/** A part of every day, in minutes since midnight, local time. It may go past midnight. */
export interface DailyWindow {
  start: number
  end: number
}

/** `22:00-06:00`; nothing, for always, is null. */
export function parseWindow(text: string): DailyWindow | null {
  const found = WINDOW.exec(text)
  if (!found) return null
  const [startHour = 0, startMinute = 0, endHour = 0, endMinute = 0] = found.slice(1).map(Number)
  return { start: startHour * 60 + startMinute, end: endHour * 60 + endMinute }
}

export function isWithin(window: DailyWindow | null, time: Date): boolean {
  if (!window || window.start === window.end) return true
  const minute = time.getHours() * 60 + time.getMinutes()
  const { start, end } = window
  if (start < end) return minute >= start && minute < end
  return minute >= start || minute < end
}
