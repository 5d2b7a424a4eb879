import { existsSync } from 'node:fs'
import { mkdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Over which a share is granted, in microseconds: short, so that a process is not silent for long. */
const PERIOD_US = 10_000
const ROOT = '/sys/fs/cgroup'

/** A group of Linux' that gives a process a part of one processor and no more, so that several "machines" fit on this one. */
export class ProcessorShare {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Holds a process, and all its threads, to `part` of one processor, 0 to 1, until {@link end}.
   * @throws {Error} where the system has no such groups, or does not let us make one
   */
  static async hold(pid: number, part: number): Promise<ProcessorShare> {
    const isUnified = existsSync(join(ROOT, 'cgroup.controllers'))
    const folder = join(ROOT, isUnified ? '' : 'cpu', `headwater-bench-${pid}`)
    const quota = String(Math.round(PERIOD_US * part))
    if (isUnified) await writeFile(join(ROOT, 'cgroup.subtree_control'), '+cpu')
    await mkdir(folder)
    const share = new ProcessorShare(folder)
    if (isUnified) await writeFile(join(folder, 'cpu.max'), `${quota} ${PERIOD_US}`)
    else {
      await writeFile(join(folder, 'cpu.cfs_period_us'), String(PERIOD_US))
      await writeFile(join(folder, 'cpu.cfs_quota_us'), quota)
    }
    await writeFile(join(folder, 'cgroup.procs'), String(pid))
    return share
  }

  /** To be called once the process has ended. */
  async end(): Promise<void> {
    await rmdir(this.#folder)
  }
}
