/**
 * Walks that once found a fault: the seed and the steps that were left of it, what it found, and when. They are walked with every run of the tests; the
 * faults have tests of their own beside that. A change of the acts or their weights makes other walks of them: then they are merely more walks.
 */
export const FAILED_WALKS: readonly { seed: number; only: readonly number[]; found: string }[] = []
