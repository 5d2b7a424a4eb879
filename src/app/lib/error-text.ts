/** What to tell a person about something that was thrown. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error && thrown.message !== '' ? thrown.message : 'Something went wrong without saying what.'
}
