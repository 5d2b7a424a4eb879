import type { StreamRow } from './log-store.ts'

/** Whether nothing of a stream is needed any more but by its readers: it has ended, and its upload, where it has one, is over. */
export const isFinished = ({ ending, upload }: StreamRow): boolean => ending !== null && upload?.over !== false
