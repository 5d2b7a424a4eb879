const NUMBER = new Intl.NumberFormat('en')
const TIME = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const DAY = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' })

/** A count with separators, and its noun. */
export function formatCount(count: number, noun: string): string {
  return `${NUMBER.format(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** The time of day today, the date before. `time` and `now` in milliseconds since the epoch. */
export function formatWhen(time: number, now = Date.now()): string {
  const sameDay = new Date(time).toDateString() === new Date(now).toDateString()
  return sameDay ? TIME.format(time) : DAY.format(time)
}
