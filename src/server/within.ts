/** Resolves once `work` is settled, or after so many milliseconds. @throws what `work` rejects with in that time */
export async function within(ms: number, work: Promise<unknown> | null): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  try {
    await Promise.race([work, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
